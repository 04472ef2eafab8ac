-- What the scripts for wrk share: each thread has a number, id, and draws other random numbers than the others. A script begins with
-- dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "threads.lua")
local threads = 0

function setup(thread)
    thread:set("id", threads)
    threads = threads + 1
end

-- Of several wrks that begin at the same second, each has a number of its own.
function seed(number)
    math.randomseed(os.time() * 64 + id + (number or 0) * 8)
end
