-- The field that was probably meant by a name that the contract does not know.

-- How many letters differ, at most 3.
local function distance(a, b)
  if math.abs(#a - #b) > 2 then return 3 end
  local row = {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local corner = row[0]
    row[0] = i
    for j = 1, #b do
      local above = row[j]
      row[j] = math.min(above + 1, row[j - 1] + 1, corner + (byte(a, i) == byte(b, j) and 0 or 1))
      corner = above
    end
  end
  return math.min(row[#b], 3)
end

-- The name that was probably meant, as the end of a sentence; empty when none is near.
local function suggestion(name, fields)
  local function plain(s) return s:lower():gsub("[_%- ]", "") end
  local best, least = nil, 3
  name = plain(sub(name, 1, 64))
  for _, field in pairs(fields) do
    local known = plain(field.name)
    local far = distance(name, known)
    if #name >= 3 and (find(known, name, 1, true) == 1 or find(name, known, 1, true) == 1) then far = math.min(far, 1) end
    if #name < 5 and far > 1 then far = 3 end
    if far < least or far == least and best and field.name < best then best, least = field.name, far end
  end
  return best and least < 3 and "; did you mean " .. best .. "?" or ""
end
