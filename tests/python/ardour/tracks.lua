-- Makes an empty session with the song's tracks. Media can't be brought in here: importing belongs to Ardour's window.
--
-- Arguments: the session's folder, its name, its sample rate.

local folder, name, rate_hz = arg[1], arg[2], tonumber(arg[3])
AudioEngine:set_backend("None (Dummy)", "", "")
local session = assert(create_session(folder, name, rate_hz), "no session was made")

local last = ARDOUR.PresentationInfo.max_order
local midi = ARDOUR.ChanCount(ARDOUR.DataType("midi"), 1)
for _, track in ipairs { "Notes", "Doubling" } do
	session:new_midi_track(midi, midi, true, ARDOUR.PluginInfo(), nil, nil, 1, track, last, ARDOUR.TrackMode.Normal, true)
end
for _, track in ipairs { "Saxophone", "Trumpet" } do
	session:new_audio_track(1, 2, nil, 1, track, last, ARDOUR.TrackMode.Normal, true)
end

assert(session:save_state("") == 0, "the session was not saved")
close_session()
