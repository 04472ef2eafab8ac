-- Signs in with wrk, over and over, each time from another address, as from other users. From the environment: EMAIL, PASSWORD.
local body = string.format('{"email":"%s","password":"%s"}', os.getenv("EMAIL"), os.getenv("PASSWORD"))

function init()
    math.randomseed(os.time())
end

function request()
    local address = string.format("198.19.%d.%d", math.random(0, 255), math.random(1, 254))
    return wrk.format("POST", "/auth/token", { ["Content-Type"] = "application/json", ["X-Forwarded-For"] = address }, body)
end
