-- Puts Retort on the tracks, automates it, saves the song and exports it.
--
-- Arguments: the session's folder, its name, the library's folder, the seconds to export, the export's path.

local folder, name, library, seconds, take = arg[1], arg[2], arg[3], tonumber(arg[4]), arg[5]
dofile(library .. "/retort.lua")
local session = open(folder, name)

local function plugin(class, preset)
	local processor = ARDOUR.LuaAPI.new_plugin(session, class, ARDOUR.PluginType.VST3, preset)
	assert(not processor:isnil(), "Ardour does not know " .. class)
	return processor
end

local function put(class, preset, track)
	local route, processor = session:route_by_name(track), plugin(class, preset)
	assert(route:add_processor_by_index(processor, 0, nil, true) == 0, class .. " does not go on " .. track)
	return route, processor
end

-- Points are pairs of seconds and the parameter's own unit.
local function automate(processor, label, points)
	local index = parameter(processor, label)
	local _, line, _ = ARDOUR.LuaAPI.plugin_automation(processor, index)
	for _, point in ipairs(points) do
		line:add(Temporal.timepos_t(math.floor(point[1] * session:nominal_sample_rate())), point[2], false, true)
	end
	control(processor, index):set_automation_state(ARDOUR.AutoState.Play)
end

local _, notes = put("Retort", "", "Notes")
automate(notes, "Output", { { 0.0, 0.0 }, { 1.5, 0.0 }, { 3.0, -24.0 }, { 18.0, -24.0 } })

local route, doubling = put("Retort", "Listening", "Doubling")
assert(route:add_sidechain(doubling), "Retort gets no side input")
-- The saxophone is heard through Retort only.
session:route_by_name("Saxophone"):output():disconnect_all(nil)
feed(session, true)

local _, effect = put("Retort FX", "Flute", "Trumpet")
automate(effect, "Brightness", { { 0.0, -6.0 }, { 13.0, -6.0 }, { 16.5, 9.0 } })

assert(session:save_state("") == 0, "the song was not saved")
export(session, take, seconds)
close_session()
