-- The shortest way over a grid (A*).
local heap = require "heap"

local M = {}

local STEPS = { { 1, 0 }, { -1, 0 }, { 0, 1 }, { 0, -1 } }

local function rebuild(came_from, node)
  local way = { node }
  while came_from[node.key] do
    node = came_from[node.key]
    table.insert(way, 1, node)
  end
  return way
end

function M.find(grid, from, to)
  local function node(x, y) return { x = x, y = y, key = y * grid.width + x } end
  local function guess(a) return math.abs(a.x - to.x) + math.abs(a.y - to.y) end

  local start, goal = node(from.x, from.y), node(to.x, to.y)
  local cost, came_from = { [start.key] = 0 }, {}
  local open = heap.new(function(a, b) return a.rank < b.rank end)
  start.rank = guess(start)
  open:push(start)

  while open:peek() do
    local here = open:pop()
    if here.key == goal.key then return rebuild(came_from, here), cost[here.key] end
    for _, step in ipairs(STEPS) do
      local there = node(here.x + step[1], here.y + step[2])
      if grid:walkable(there.x, there.y) then
        local price = cost[here.key] + 1
        if not cost[there.key] or price < cost[there.key] then
          cost[there.key] = price
          came_from[there.key] = here
          there.rank = price + guess(there)
          open:push(there)
        end
      end
    end
  end
  return nil, "no route"
end

return M
