-- 任务系统：名字、目标和奖励。文件名是中文，标识符是 ASCII。
local M = {}

local quests = {
  { name = "新手试炼", goal = 3, reward = 50 },
  { name = "寻找灯笼", goal = 1, reward = 80 },
  { name = "守护月门", goal = 10, reward = 300 },
}

function M.find(name)
  for _, quest in ipairs(quests) do
    if quest.name == name then return quest end
  end
  return nil, "没有这个任务：" .. tostring(name)
end

function M.progress(quest, done)
  local part = math.min(done / quest.goal, 1)
  return ("%s：%d%%"):format(quest.name, math.floor(part * 100))
end

return M
