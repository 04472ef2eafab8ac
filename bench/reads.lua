-- Reads that no cache answers, with wrk: an administrator's. From the environment: READ (list, detail or search), PRODUCTS (how many there
-- are), ADMIN_API_KEY.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "threads.lua")
local read, products = os.getenv("READ"), tonumber(os.getenv("PRODUCTS"))

function init()
    seed()
    headers = { ["X-API-Key"] = os.getenv("ADMIN_API_KEY") }
end

function request()
    if read == "list" then
        return wrk.format("GET", "/products?limit=20&skip=" .. 20 * math.random(0, 100), headers)
    elseif read == "detail" then
        return wrk.format("GET", "/products/" .. math.random(1, products), headers)
    end
    return wrk.format("GET", "/products?limit=20&sort=id&search=lamp", headers)
end
