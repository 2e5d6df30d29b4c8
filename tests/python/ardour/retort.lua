-- What both scripts on the song need.

-- With blocks of 1024 about every fifth export by script damages Ardour 7.3's memory, in a session without plugins too; with
-- these far fewer do.
local BLOCK = 8192
-- The export preset that the test puts into Ardour's folder: 32-bit float at the session's rate.
local PRESET = "7a3a62c5-5a0c-4c1c-9a5e-2d2f0b1d9e01"

function open(folder, name)
	AudioEngine:set_backend("None (Dummy)", "", "")
	AudioEngine:set_buffer_size(BLOCK)
	return assert(load_session(folder, name), "the session does not open")
end

-- Ardour counts automatable parameters only, so places are looked for by name.
function parameter(processor, label)
	local plugin = processor:to_insert():plugin(0)
	for index = 0, plugin:parameter_count() - 1 do
		if plugin:parameter_label(index) == label then
			return index
		end
	end
	error("there is no parameter " .. label)
end

function control(processor, index)
	local parameter = Evoral.Parameter(ARDOUR.AutomationType.PluginAutomation, 0, index)
	return processor:to_automatable():automation_control(parameter, true)
end

-- Connects the saxophone's track with the side input of "Doubling", or takes it away.
function feed(session, yes)
	local input = session:route_by_name("Doubling"):nth_plugin(0):to_insert():sidechain_input()
	input:disconnect_all(nil)
	if yes then
		local saxophone = session:route_by_name("Saxophone"):output()
		for channel = 0, 1 do
			assert(input:nth(channel):connect(saxophone:nth(channel):name()) == 0, "the side input can't be connected")
		end
	end
end

function export(session, path, seconds)
	local folder, name = path:match("^(.*)/([^/]+)$")
	local job = session:simple_export()
	assert(job:set_preset(PRESET), "the export preset is missing")
	job:set_folder(folder)
	job:set_name(name)
	job:set_range(0, math.floor(seconds * session:nominal_sample_rate()))
	assert(job:run_export(), "the export failed")
end
