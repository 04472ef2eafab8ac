-- Signs in with wrk, each time from another address. From the environment: EMAILS between commas, PASSWORD, which all of them have. They
-- take turns: a limit would refuse one who tries a second time before the answer to the first.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "threads.lua")
local emails = {}

function init()
    seed()
    for email in os.getenv("EMAILS"):gmatch("[^,]+") do
        table.insert(emails, email)
    end
    -- Each of two threads has half of them.
    turn = id * math.floor(#emails / 2)
end

function request()
    turn = turn + 1
    local body = string.format('{"email":"%s","password":"%s"}', emails[turn % #emails + 1], os.getenv("PASSWORD"))
    local address = string.format("198.19.%d.%d", math.random(0, 255), math.random(1, 254))
    return wrk.format("POST", "/auth/token", { ["Content-Type"] = "application/json", ["X-Forwarded-For"] = address }, body)
end
