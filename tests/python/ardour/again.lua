-- Opens the song in a process of its own and exports it, with one thing made otherwise if the export's name asks for it.
--
-- Arguments: the session's folder, its name, the library's folder, the seconds to export, the export's path.

local folder, name, library, seconds, take = arg[1], arg[2], arg[3], tonumber(arg[4]), arg[5]
dofile(library .. "/retort.lua")
local session = open(folder, name)

local function on(track)
	return session:route_by_name(track):nth_plugin(0)
end

local function stop_automation(track, label)
	local lane = control(on(track), parameter(on(track), label))
	lane:set_automation_state(ARDOUR.AutoState.Off)
	lane:set_value(0.0, PBD.GroupControlDisposition.NoGroup)
end

local changes = {
	still = function()
		stop_automation("Notes", "Output")
		stop_automation("Trumpet", "Brightness")
	end,
	unfed = function()
		feed(session, false)
	end,
	dry = function()
		for _, track in ipairs { "Doubling", "Trumpet" } do
			ARDOUR.LuaAPI.set_processor_param(on(track), parameter(on(track), "Dry/wet"), 0.0)
		end
	end,
}
local change = changes[take:match("[^/]+$")]
if change then
	change()
end

export(session, take, seconds)
for _, track in ipairs { "Notes", "Doubling", "Trumpet" } do
	print("latency " .. track .. " " .. on(track):signal_latency())
end
close_session()
