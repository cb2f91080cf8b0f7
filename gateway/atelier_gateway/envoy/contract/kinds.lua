-- What the contract knows: fields of its messages by either of their names, and the names of its enums.

local byte, find, sub = string.byte, string.find, string.sub

-- How JSON writes what is neither scalar nor enum nor message of the contract (proto3 JSON).
local WELL_KNOWN = {
  ["google.protobuf.Struct"] = "object", ["google.protobuf.Any"] = "object", ["google.protobuf.Value"] = "any",
  ["google.protobuf.ListValue"] = "array", ["google.protobuf.Timestamp"] = "timestamp",
  ["google.protobuf.Duration"] = "duration", ["google.protobuf.FieldMask"] = "string",
  ["google.protobuf.NullValue"] = "null", ["google.protobuf.BoolValue"] = "bool",
  ["google.protobuf.StringValue"] = "string", ["google.protobuf.BytesValue"] = "bytes",
  ["google.protobuf.DoubleValue"] = "double", ["google.protobuf.FloatValue"] = "float",
  ["google.protobuf.Int32Value"] = "int32", ["google.protobuf.UInt32Value"] = "uint32",
  ["google.protobuf.Int64Value"] = "int64", ["google.protobuf.UInt64Value"] = "uint64",
}

local WANTED = {
  int32 = "a whole number from -2147483648 to 2147483647", uint32 = "a whole number from 0 to 4294967295",
  int64 = "a whole number of 64 bits", uint64 = "a whole number of 64 bits, 0 or more", double = "a number",
  float = "a number", bool = "true or false", string = "a string", bytes = "base64", object = "an object",
  array = "a list", timestamp = "a time such as 2026-01-31T12:00:00Z", duration = "a duration such as 1.5s",
  null = "null", json = "JSON",
}

local ALIASES = { sint32 = "int32", sfixed32 = "int32", fixed32 = "uint32", sint64 = "int64", sfixed64 = "int64",
  fixed64 = "uint64" }

-- Fields by either of their names.
local FIELDS, ENUMS = {}, {}
for message, fields in pairs(CONTRACT.messages) do
  local found = {}
  for _, row in ipairs(fields) do
    local kind = row[3]
    local field = { name = row[1], kind = WELL_KNOWN[kind] or ALIASES[kind] or kind, list = row[4], key = row[5],
      oneof = row[6] }
    found[row[1]], found[row[2]] = field, field
  end
  FIELDS[message] = found
end
for enum, names in pairs(CONTRACT.enums) do
  local known, told = {}, {}
  for _, name in ipairs(names) do
    known[name] = true
    if not find(name, "_UNSPECIFIED$") then told[#told + 1] = name end
  end
  ENUMS[enum] = known
  WANTED[enum] = "one of " .. table.concat(told, ", ")
end
