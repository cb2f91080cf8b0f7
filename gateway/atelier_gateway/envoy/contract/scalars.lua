-- Which scalars are of which kind, as proto3 JSON has it.

-- Whether digits, with a sign or without, are at most those of `most`; for what a double does not hold exactly.
local function within(digits, most)
  digits = digits:gsub("^%-?0*", "")
  return #digits < #most or #digits == #most and digits <= most
end

-- Whether a scalar, written as in JSON without quotes, is of a kind. `what` is string, number, true, false or null; a
-- query knows strings only.
local IS = {}

local function whole(least, most)
  return function(value, what)
    if what ~= "number" and not (what == "string" and find(value, "^%-?%d+$")) then return false end
    local n = tonumber(value)
    return n >= least and n <= most and n == math.floor(n)
  end
end

local function whole_64(most, least)
  return function(value, what)
    if what ~= "number" and what ~= "string" then return false end
    if find(value, "^%-?%d+$") then return within(value, find(value, "^%-") and least or most) end
    local n = what == "number" and tonumber(value)
    return n and n == math.floor(n) and math.abs(n) < 2 ^ 63 and (least ~= "0" or n >= 0)
  end
end

IS.int32, IS.uint32 = whole(-2147483648, 2147483647), whole(0, 4294967295)
IS.int64, IS.uint64 = whole_64("9223372036854775807", "9223372036854775808"), whole_64("18446744073709551615", "0")

function IS.double(value, what)
  if what == "string" and (value == "NaN" or value == "Infinity" or value == "-Infinity") then return true end
  if what ~= "number" and not (what == "string" and find(value, "^%-?%d+%.?%d*[eE]?[+-]?%d*$")) then return false end
  local n = tonumber(value)
  return n and math.abs(n) < math.huge
end

function IS.float(value, what)
  if not IS.double(value, what) then return false end
  local n = tonumber(value)
  return not n or n ~= n or math.abs(n) == math.huge or math.abs(n) <= 3.4028235677973366e38
end

function IS.bool(_, what) return what == "true" or what == "false" end
function IS.string(_, what) return what == "string" end
function IS.bytes(value, what) return what == "string" and find(value, "^[%w+/_-]*=?=?$") end
function IS.null(_, what) return what == "null" end
function IS.duration(value, what) return what == "string" and find(value, "^%-?%d+%.?%d*s$") end

function IS.timestamp(value, what)
  if what ~= "string" then return false end
  local zone = value:match("^%d%d%d%d%-%d%d%-%d%d[Tt]%d%d:%d%d:%d%d%.?%d*(.+)$")
  return zone and find(zone, "^[Zz]$") or zone and find(zone, "^[+-]%d%d:%d%d$")
end

local function is_scalar(kind, value, what)
  local names = ENUMS[kind]
  if not names then return IS[kind](value, what) end
  return what == "string" and names[value] or what == "number" and IS.int32(value, what)
end

local function shown(value)
  return #value <= SHOWN and value or "the value"
end

local function is_not(value, kind)
  refuse(shown(value) .. " is not " .. (WANTED[kind] or "an object"))
end
