/**
 * What is done inside Redis, each in one step. An application has five keys, which one hash tag keeps on one node of a cluster:
 *
 *     <prefix>:{<application>}:application  hash    news, announced, removed: numbers; last: the id of the newest change
 *     <prefix>:{<application>}:leases       hash    key of a lease → its document (lease-document.ts)
 *     <prefix>:{<application>}:order        zset    key of a lease → number of its last news
 *     <prefix>:{<application>}:history      zset    id of a change → its number, of the last ones
 *     <prefix>:{<application>}:workers      hash    worker → capacity, and when its session ends, ms of Redis's clock
 *
 * News are numbered, but a cursor is the id of a change, which is random: in a Redis that lost what was written, numbers come
 * again, and ids do not. Who comes with an id that is not known is told everything. Nothing here has a key that is not among KEYS.
 */
import { scriptOf } from './redis-connection.ts'

/** Changes that are remembered for cursors. */
const CHANGES_MAX = 1_000

/** `id`: random, of this call; what it changes carries it. */
const PRELUDE = `
local application, leases, order, history, workers = unpack(KEYS)
local channel, id = ARGV[1], ARGV[2]
local time = redis.call('TIME')
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)

local function change(announces)
  local number = redis.call('HINCRBY', application, 'news', 1)
  redis.call('HSET', application, 'last', id)
  if announces then redis.call('HSET', application, 'announced', number) end
  redis.call('ZADD', history, number, id)
  redis.call('ZREMRANGEBYRANK', history, 0, ${-CHANGES_MAX - 1})
  return number
end

-- Who may not publish is heard at the next beat.
local function announce() redis.pcall('PUBLISH', channel, '') end

-- Worker, capacity and what is left, ms, of each. Those that have ended are taken away where that is wanted.
local function liveSessions(sweeps)
  local sessions = {}
  local stored = redis.call('HGETALL', workers)
  for i = 1, #stored, 2 do
    local takes, endsAtMs = stored[i + 1]:match('^(%S+) (%S+)$')
    local leftMs = endsAtMs - nowMs
    if leftMs > 0 then
      for _, value in ipairs({ stored[i], takes, string.format('%.0f', leftMs) }) do table.insert(sessions, value) end
    elseif sweeps then
      redis.call('HDEL', workers, stored[i])
    end
  end
  return sessions
end

-- Grows with each change, and also from what was lost to what is written again.
local function versionAfter(version)
  return string.format('%.0f', math.max(version + 1, time[1] * 1000000 + time[2]))
end
`

/** Worker, life of its session in ms, capacity, cursor, and the id of a change that was answered after the cursor, or ''. Without a worker: only looks. Empty: there is no such application. */
export const BEAT = scriptOf(`${PRELUDE}
local worker, ttlMs, capacity, cursor, answered = ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
if worker ~= '' then
  if redis.call('EXISTS', application) == 0 then change(false) end
  local before = redis.call('HGET', workers, worker)
  redis.call('HSET', workers, worker, capacity .. ' ' .. string.format('%.0f', nowMs + ttlMs))
  if not before or before:match('^%S+') ~= capacity then announce() end
end
local last, news, announced, removed = unpack(redis.call('HMGET', application, 'last', 'news', 'announced', 'removed'))
if not last then return {} end

local sessions = liveSessions(worker ~= '')

local seen = tonumber(redis.call('ZSCORE', history, cursor) or -1)
if answered ~= '' and not redis.call('ZSCORE', history, answered) then seen = -1 end
local isComplete = seen < tonumber(removed or 0)
local told = {}
if isComplete then
  told = redis.call('HGETALL', leases)
elseif seen < tonumber(news) then
  for _, key in ipairs(redis.call('ZRANGEBYSCORE', order, '(' .. seen, '+inf')) do
    table.insert(told, key)
    table.insert(told, redis.call('HGET', leases, key))
  end
end
local isAnnounced = seen < tonumber(announced or 0)
return { last, isComplete and 1 or 0, isAnnounced and 1 or 0, sessions, told }
`)

/** New leases: key and members. Those whose keys are there are left as they are. Gives 1 where there is one that is made. */
export const CREATE = scriptOf(`${PRELUDE}
local number
for _, new in ipairs(cjson.decode(ARGV[3])) do
  if redis.call('HEXISTS', leases, new.key) == 0 then
    number = number or change(true)
    new.members.version = versionAfter(0)
    new.members.term = id
    redis.call('HSET', leases, new.key, cjson.encode(new.members))
    redis.call('ZADD', order, number, new.key)
  end
end
if number then announce() end
return number and 1 or 0
`)

/**
 * Changes: key, epoch, term ('': whatever it is), members, whether it is news, and whether it ends waits. Gives outcome and document of each.
 * Places of a shard are ordered as by \`compareSequenceNumbers\`.
 */
export const UPDATE = scriptOf(`${PRELUDE}
local RANKS = { AT_TIMESTAMP = -3, TRIM_HORIZON = -2, LATEST = -1, SHARD_END = 1 }
local function isBefore(a, b)
  local rankA, rankB = RANKS[a.checkpoint] or 0, RANKS[b.checkpoint] or 0
  if rankA ~= rankB then return rankA < rankB end
  if rankA ~= 0 then return false end
  if #a.checkpoint ~= #b.checkpoint then return #a.checkpoint < #b.checkpoint end
  if a.checkpoint ~= b.checkpoint then return a.checkpoint < b.checkpoint end
  return tonumber(a.checkpointSub) < tonumber(b.checkpointSub)
end

local updates = cjson.decode(ARGV[3])
local outcomes, done = {}, {}
local isNews, announces = false, false
for i, update in ipairs(updates) do
  local document = redis.call('HGET', leases, update.key)
  local lease = document and cjson.decode(document)
  local members = update.members
  local outcome = 'updated'
  if not lease then
    outcome = 'gone'
  elseif lease.epoch ~= update.epoch or (update.term ~= '' and lease.term ~= update.term) or
      (members.checkpoint and not members.epoch and isBefore(members, lease)) then
    outcome = 'conflict'
  else
    for name, value in pairs(members) do
      if value == cjson.null then lease[name] = nil else lease[name] = value end
    end
    lease.version = versionAfter(lease.version)
    if members.epoch then lease.term = id end
    document = cjson.encode(lease)
    redis.call('HSET', leases, update.key, document)
    if update.isNews then table.insert(done, update.key) end
    announces = announces or update.endsWaits
  end
  table.insert(outcomes, outcome)
  table.insert(outcomes, document or '')
end
if #done > 0 then
  local number = change(announces)
  for _, key in ipairs(done) do redis.call('ZADD', order, number, key) end
end
if announces then announce() end
return outcomes
`)

/** Leases: key, epoch and term ('': whatever it is). Gives 1 where there is one that is taken away. */
export const REMOVE = scriptOf(`${PRELUDE}
local isAny = false
for _, wanted in ipairs(cjson.decode(ARGV[3])) do
  local document = redis.call('HGET', leases, wanted.key)
  local lease = document and cjson.decode(document)
  if lease and lease.epoch == wanted.epoch and (wanted.term == '' or lease.term == wanted.term) then
    redis.call('HDEL', leases, wanted.key)
    redis.call('ZREM', order, wanted.key)
    isAny = true
  end
end
if isAny then
  redis.call('HSET', application, 'removed', change(true))
  announce()
end
return isAny and 1 or 0
`)

/** A worker. */
export const LEAVE = scriptOf(`${PRELUDE}
if redis.call('HDEL', workers, ARGV[3]) == 1 then announce() end
return 1
`)

/** '1': also while workers live. Gives 1 where the application is taken away, and the sessions that live; nothing where there is none. */
export const DELETE = scriptOf(`${PRELUDE}
if redis.call('EXISTS', application) == 0 then return {} end
local sessions = liveSessions(false)
if #sessions > 0 and ARGV[3] ~= '1' then return { 0, sessions } end
redis.call('DEL', unpack(KEYS))
announce()
return { 1, sessions }
`)
