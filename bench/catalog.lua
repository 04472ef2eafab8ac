-- Reads of a large catalog with wrk, which no cache answers: an administrator's. From the environment: ASK (what), PRODUCTS (how many there
-- are), ADMIN_API_KEY.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "threads.lua")
local ask, products = os.getenv("ASK"), tonumber(os.getenv("PRODUCTS"))
local syllables = { "ba", "co", "di", "fu", "ga", "lo", "mi", "nu", "pe", "ra", "so", "ti", "va", "que", "tro", "pla", "gri", "ser", "con", "men",
    "tal", "dor", "ci", "mar", "bel", "ste", "lin", "ful", "ly", "est" }
local sorts = { "id", "price", "-price", "name", "-rating", "-created_at" }

function init()
    seed()
    headers = { ["X-API-Key"] = os.getenv("ADMIN_API_KEY") }
end

-- Sixteen of them at this pace leave the machine some rest, so that what is measured is not how long the queue is.
function delay()
    return math.random(50, 150)
end

-- As catalog.sql makes them: the smaller the number, the more products have the word.
local function word(number)
    local m = number * 7919 % 27000
    return syllables[m % 30 + 1] .. syllables[math.floor(m / 30) % 30 + 1] .. syllables[math.floor(m / 900) + 1]
end

local function encoded(text)
    local digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    local bits = text:gsub(".", function(c)
        local byte, out = c:byte(), ""
        for i = 7, 0, -1 do
            out = out .. math.floor(byte / 2 ^ i) % 2
        end
        return out
    end)
    return ((bits .. string.rep("0", -#bits % 6)):gsub("%d%d%d%d%d%d", function(six)
        local place = tonumber(six, 2) + 1
        return digits:sub(place, place)
    end))
end

local paths = {
    common = function() return "/products?limit=20&search=" .. word(math.random(8, 40)) end,
    rare = function() return "/products?limit=20&search=" .. word(math.random(5000, 20000)) end,
    mistyped = function()
        local meant, at = word(math.random(100, 5000)), math.random(3, 5)
        return "/products?limit=20&search=" .. meant:sub(1, at) .. "x" .. meant:sub(at + 1)
    end,
    filtered = function()
        local lowest = math.random(1, 400)
        return string.format("/products?limit=20&category_id=%d&min_price=%d&max_price=%d&in_stock=true&sort=%s",
            math.random(1, 100), lowest, 2 * lowest, sorts[math.random(#sorts)])
    end,
    deep = function()
        if math.random(2) == 1 then
            return "/products?limit=20&after=" .. encoded(math.floor(products / 10) .. ":id:")
        end
        -- Behind a tenth of the products by price.
        return "/products?limit=20&sort=price&after=" .. encoded("1:price:201")
    end,
    nothing = function() return "/health/live" end,
    exclusive = function() return "/products?limit=20&search=stone+wood" end,
    facets = function()
        local which = math.random(3)
        return which == 1 and "/products/facets" or which == 2 and "/products/facets?in_stock=true&min_price=50&max_price=99.99"
            or "/products/facets?category_id=" .. math.random(1, 100)
    end,
    cut = function()
        local lowest = math.random(1, 400)
        return string.format("/products/facets?min_price=%d&max_price=%d", lowest, 2 * lowest)
    end,
    found = function() return "/products/facets?search=" .. word(math.random(8, 40)) end,
}

function request()
    return wrk.format("GET", paths[ask](), headers)
end

function done(summary, latency)
    io.write(string.format("RESULT %.3f %.3f\n", latency:percentile(50) / 1000, latency:percentile(95) / 1000))
end
