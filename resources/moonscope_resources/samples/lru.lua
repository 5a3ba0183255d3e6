-- A table that forgets what was not used for longest.
local Cache = {}
Cache.__index = Cache

local function new(capacity)
  assert(capacity and capacity > 0, "capacity must be positive")
  local ring = {}
  ring.next, ring.previous = ring, ring
  return setmetatable({ capacity = capacity, count = 0, entries = {}, ring = ring, hits = 0, misses = 0 }, Cache)
end

local function unlink(entry)
  entry.previous.next, entry.next.previous = entry.next, entry.previous
end

local function link_first(ring, entry)
  entry.next, entry.previous = ring.next, ring
  ring.next.previous = entry
  ring.next = entry
end

function Cache:get(key)
  local entry = self.entries[key]
  if not entry then
    self.misses = self.misses + 1
    return nil
  end
  self.hits = self.hits + 1
  unlink(entry)
  link_first(self.ring, entry)
  return entry.value
end

function Cache:put(key, value)
  local entry = self.entries[key]
  if entry then
    unlink(entry)
  else
    if self.count == self.capacity then
      local oldest = self.ring.previous
      unlink(oldest)
      self.entries[oldest.key] = nil
    else
      self.count = self.count + 1
    end
    entry = { key = key }
    self.entries[key] = entry
  end
  entry.value = value
  link_first(self.ring, entry)
end

return { new = new }
