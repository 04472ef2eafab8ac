-- The guide's mix over HTTP with wrk: three lists of 20 products, two products, one order in every six requests, at random; the orders of
-- one to three lines over the 100 products of the demonstration data. From the environment: PACED=1 for users who wait one to three
-- seconds before each request, ADMIN_API_KEY, under which the orders are placed, ADDRESSES for so many users with addresses of their own.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "threads.lua")
local paced = os.getenv("PACED") == "1"
local addresses = tonumber(os.getenv("ADDRESSES") or "0")

function init()
    seed(tonumber(os.getenv("WORKER")))
    headers = { ["Content-Type"] = "application/json", ["X-API-Key"] = os.getenv("ADMIN_API_KEY") }
end

if paced then
    function delay()
        return math.random(1000, 3000)
    end
end

-- Of 198.18.0.0/15, which is for measurements. wrk does not say which of its connections asks, so it is any of them.
local function sent(headers)
    if addresses == 0 then
        return headers
    end
    local user = math.random(0, addresses - 1)
    local all = { ["X-Forwarded-For"] = string.format("198.18.%d.%d", math.floor(user / 250), user % 250 + 1) }
    for name, value in pairs(headers or {}) do
        all[name] = value
    end
    return all
end

local function order()
    local lines, first = {}, math.random(1, 100)
    for line = 1, math.random(1, 3) do
        lines[line] = string.format('{"product_id":%d,"quantity":1}', (first + 31 * line) % 100 + 1)
    end
    return wrk.format("POST", "/orders", sent(headers), string.format(
        '{"client_id":%d,"delivery_method":1,"items":[%s]}', math.random(1, 20), table.concat(lines, ",")))
end

function request()
    local task = math.random(1, 6)
    if task <= 3 then
        return wrk.format("GET", "/products?skip=0&limit=20", sent())
    elseif task <= 5 then
        return wrk.format("GET", "/products/" .. math.random(1, 100), sent())
    end
    return order()
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format("RESULT %.1f %d %.3f\n", summary.requests / (summary.duration / 1e6),
        errors.status + errors.connect + errors.read + errors.write + errors.timeout, latency:percentile(95) / 1000))
end
