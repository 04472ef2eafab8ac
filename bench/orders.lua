-- Places orders of three lines over HTTP with wrk. From the environment: SPREAD (uniform over 1,000 products, or hot: all on the same
-- three, or demo: over the 100 demonstration products, or empty: a request that does nothing instead), KEYED=1 for an Idempotency-Key with
-- each, BILLED=1 for a bill with each, ADMIN_API_KEY.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "threads.lua")
local spread, keyed, billed = os.getenv("SPREAD"), os.getenv("KEYED") == "1", os.getenv("BILLED") == "1"
-- The ids of bench/orders.sql, apart from those of the demonstration data.
local first = 1000000

function init()
    seed()
    prefix = string.format("%x-%x-%x-", os.time(), id, math.random(2 ^ 30))
    count = 0
    headers = { ["Content-Type"] = "application/json", ["X-API-Key"] = os.getenv("ADMIN_API_KEY") }
    payment = billed and '"payment_type":2,' or ""
end

local line = '{"product_id":%d,"quantity":1}'

function request()
    if spread == "empty" then
        return wrk.format("GET", "/health/live")
    end
    local a, b, c = 1, 2, 3
    if spread == "uniform" then
        a, b, c = math.random(1, 333), math.random(334, 666), math.random(667, 1000)
    end
    if spread == "demo" then
        first, a, b, c = 0, math.random(1, 33), math.random(34, 66), math.random(67, 100)
    end
    count = count + 1
    headers["Idempotency-Key"] = keyed and prefix .. count or nil
    return wrk.format("POST", "/orders", headers, string.format(
        '{"client_id":%d,"delivery_method":1,%s"items":[' .. line .. "," .. line .. "," .. line .. "]}",
        first + math.random(1, first == 0 and 20 or 100), payment, first + a, first + b, first + c))
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format("RESULT %.1f %.3f %d\n", summary.requests / (summary.duration / 1e6), latency.mean / 1000,
        errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
