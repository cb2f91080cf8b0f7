-- JSON (RFC 8259), read strictly: strings, numbers, and the members and items of what holds more.

-- The next byte that is no white space, and its place.
local function skip(i)
  local c = byte(text, i)
  while c == 32 or c == 10 or c == 13 or c == 9 do
    i = i + 1
    c = byte(text, i)
  end
  return c, i
end

-- The end of the character of several bytes that begins at `i` in `s`; nil for what is not UTF-8 (RFC 3629).
local function character(s, i)
  local c, d = byte(s, i, i + 1)
  if not d or c < 0xC2 or c > 0xF4 or d < 0x80 or d > 0xBF then return nil end
  if c < 0xE0 then return i + 2 end
  if c == 0xE0 and d < 0xA0 or c == 0xED and d > 0x9F or c == 0xF0 and d < 0x90 or c == 0xF4 and d > 0x8F then return nil end
  for j = i + 2, i + (c < 0xF0 and 2 or 3) do
    local e = byte(s, j)
    if not e or e < 0x80 or e > 0xBF then return nil end
  end
  return i + (c < 0xF0 and 3 or 4)
end

local ESCAPED = { ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

-- The place behind the escape at `i`.
local function escape(i)
  local e = sub(text, i + 1, i + 1)
  if ESCAPED[e] then return i + 2 end
  local hex = e == "u" and tonumber(text:match("^%x%x%x%x", i + 2), 16)
  if not hex then broken("an unknown escape", i) end
  if hex < 0xD800 or hex > 0xDFFF then return i + 6 end
  if hex > 0xDBFF or not find(text, "^\\u[dD][c-fC-F]%x%x", i + 6) then broken("half of a surrogate pair", i) end
  return i + 12
end

-- The place behind the string that begins with the quote at `i`, and whether it holds escapes.
local function string_end(i)
  local has_escapes = false
  i = i + 1
  while true do
    local c = byte(text, i)
    if c == 34 then return i + 1, has_escapes end
    if not c then expected("the end of a string", i) end
    if c == 92 then
      has_escapes = true
      i = escape(i)
    elseif c < 32 then
      broken("a control character in a string", i)
    elseif c < 128 then
      i = i + 1
    else
      i = character(text, i) or broken("bytes that are not UTF-8", i)
    end
  end
end

local function utf8(code)
  local char, floor = string.char, math.floor
  if code < 0x80 then return char(code) end
  if code < 0x800 then return char(0xC0 + floor(code / 64), 0x80 + code % 64) end
  local tail = char(0x80 + floor(code / 64) % 64, 0x80 + code % 64)
  if code < 0x10000 then return char(0xE0 + floor(code / 4096)) .. tail end
  return char(0xF0 + floor(code / 262144), 0x80 + floor(code / 4096) % 64) .. tail
end

local function unescaped(s)
  local parts, i = {}, 1
  while true do
    local at = find(s, "\\", i, true)
    if not at then break end
    parts[#parts + 1] = sub(s, i, at - 1)
    local e = sub(s, at + 1, at + 1)
    i = at + 2
    if e == "u" then
      local code = tonumber(sub(s, i, i + 3), 16)
      i = i + 4
      if code >= 0xD800 and code <= 0xDBFF then
        code = 0x10000 + (code - 0xD800) * 1024 + tonumber(sub(s, i + 2, i + 5), 16) - 0xDC00
        i = i + 6
      end
      parts[#parts + 1] = utf8(code)
    else
      parts[#parts + 1] = ESCAPED[e]
    end
  end
  parts[#parts + 1] = sub(s, i)
  return table.concat(parts)
end

-- The place behind the number at `i`; nil where there is none.
local function number_end(i)
  local _, last = find(text, "^%-?%d+", i)
  if not last or find(text, "^%-?0%d", i) then return nil end
  if byte(text, last + 1) == 46 then
    _, last = find(text, "^%d+", last + 2)
    if not last then return nil end
  end
  if find(text, "^[eE]", last + 1) then
    _, last = find(text, "^[eE][+-]?%d+", last + 1)
    if not last then return nil end
  end
  return last + 1
end

local LITERALS = { [116] = "true", [102] = "false", [110] = "null" }

-- The place behind the scalar that begins with `c` at `i`, what it is, and whether a string has escapes.
local function scalar_end(c, i)
  if c == 34 then
    local last, has_escapes = string_end(i)
    return last, "string", has_escapes
  end
  local literal = LITERALS[c]
  if literal and sub(text, i, i + #literal - 1) == literal and not find(text, "^[%w_]", i + #literal) then
    return i + #literal, literal
  end
  local last = (c == 45 or c and c >= 48 and c <= 57) and number_end(i)
  if not last or find(text, "^[%w_.+-]", last) then expected("a value", i) end
  return last, "number"
end

local function enter()
  depth = depth + 1
  if depth > DEEPEST then refuse("the body has more than " .. DEEPEST .. " levels", true) end
end

local function count()
  values = values + 1
  if values > MOST_VALUES then refuse("the body has more than " .. MOST_VALUES .. " values", true) end
end

-- Reads the members of the object at `i`, each with `member(name, i)`; returns the place behind the object.
local function object(i, member)
  local c
  enter()
  c, i = skip(i + 1)
  if c == 125 then
    depth = depth - 1
    return i + 1
  end
  while true do
    if c ~= 34 then expected("a name in quotes", i) end
    local last, has_escapes = string_end(i)
    if last - i > LONGEST_NAME then broken("a name of more than " .. LONGEST_NAME .. " bytes", i) end
    count()
    local name = sub(text, i + 1, last - 2)
    if has_escapes then name = unescaped(name) end
    path[depth] = name
    c, i = skip(last)
    if c ~= 58 then expected("a colon", i) end
    _, i = skip(i + 1)
    c, i = skip(member(name, i))
    if c == 125 then break end
    if c ~= 44 then expected("a comma or }", i) end
    c, i = skip(i + 1)
    if c == 125 then broken("a comma before }", i) end
  end
  depth = depth - 1
  return i + 1
end

-- Reads the items of the list at `i`, each with `item(i)`.
local function list(i, item)
  local c
  enter()
  c, i = skip(i + 1)
  local place = 0
  if c ~= 93 then
    while true do
      count()
      path[depth] = place
      c, i = skip(item(i))
      if c == 93 then break end
      if c ~= 44 then expected("a comma or ]", i) end
      c, i = skip(i + 1)
      if c == 93 then broken("a comma before ]", i) end
      place = place + 1
    end
  end
  depth = depth - 1
  return i + 1
end

local function twice() refuse("it is there twice") end

-- What of the body is replaced by a string that holds its text, from its first byte to its last, in order.
local raw = {}

-- JSON that the service reads itself: numbers keep all of their digits. A string is its text already; of an object or a
-- list the end is found here, and what is inside is left to the service.
local function raw_json(i, c)
  if c ~= 123 and c ~= 91 then
    local last, what = scalar_end(c, i)
    if what ~= "string" then raw[#raw + 1] = { i, last - 1 } end
    return last
  end
  local first, level = i, 0
  while true do
    if c == 34 then
      i = string_end(i)
    else
      if c == 123 or c == 91 then
        level = level + 1
      elseif c == 125 or c == 93 then
        level = level - 1
      elseif not c then
        expected("the end of an object or a list", i)
      elseif c > 126 then
        broken("a byte that is not JSON", i)
      end
      i = i + 1
      if level == 0 then break end
    end
    c = byte(text, i)
  end
  raw[#raw + 1] = { first, i - 1 }
  return i
end

local QUOTED = { ['"'] = '\\"', ["\\"] = "\\\\" }
for code = 0, 31 do QUOTED[string.char(code)] = string.format("\\u%04x", code) end

-- The body with strings in place of raw JSON.
local function with_raw_quoted()
  local parts, at = {}, 1
  for _, range in ipairs(raw) do
    parts[#parts + 1] = sub(text, at, range[1] - 1)
    parts[#parts + 1] = '"' .. sub(text, range[1], range[2]):gsub('["\\%c]', QUOTED) .. '"'
    at = range[2] + 1
  end
  parts[#parts + 1] = sub(text, at)
  return table.concat(parts)
end

-- Any JSON: of Struct, Value, ListValue and Any.
local function any(i)
  local c = byte(text, i)
  if c == 123 then
    local seen = {}
    return object(i, function(name, at)
      if seen[name] then twice() end
      seen[name] = true
      return any(at)
    end)
  end
  if c == 91 then return list(i, any) end
  return (scalar_end(c, i))
end
