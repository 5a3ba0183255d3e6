-- Texts for players, in English and Chinese.
local strings = require "strings"

local texts = {
  en = {
    welcome = "Welcome to {server}, {player}!",
    full = "Your bag is full.",
    levelled = "{player} reached level {level}.",
    defeated = "{attacker} defeated {target}.",
    sold = "Sold {count} × {item} for {price} coins.",
    no_route = "There is no way to get there.",
  },
  zh = {
    welcome = "欢迎来到{server}，{player}！",
    full = "你的背包已满。",
    levelled = "{player}升到了{level}级。",
    defeated = "{attacker}击败了{target}。",
    sold = "卖出{count}件{item}，获得{price}金币。",
    no_route = "无法到达那里。",
  },
}

local M = { language = "en" }

function M.use(language)
  if not texts[language] then return nil, "no texts in " .. tostring(language) end
  M.language = language
  return true
end

function M.text(name, values)
  local text = texts[M.language][name] or texts.en[name] or name
  return strings.template(text, values or {})
end

return M
