-- Reads that no cache answers, with wrk: an administrator's. From the environment: READ (list, detail or search), PRODUCTS (how many there
-- are), ADMIN_API_KEY.
local read, products = os.getenv("READ"), tonumber(os.getenv("PRODUCTS"))
local threads = 0

function setup(thread)
    thread:set("id", threads)
    threads = threads + 1
end

function init()
    math.randomseed(os.time() * 64 + id)
    headers = { ["X-API-Key"] = os.getenv("ADMIN_API_KEY") }
end

function request()
    if read == "list" then
        return wrk.format("GET", "/products?limit=20&skip=" .. 20 * math.random(0, 100), headers)
    elseif read == "detail" then
        return wrk.format("GET", "/products/" .. math.random(1, products), headers)
    end
    return wrk.format("GET", "/products?limit=20&search=lamp", headers)
end
