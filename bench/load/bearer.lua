-- For wrk: one request text per token, made beforehand, so that the load generator spends nothing on them under way.
-- Arguments: file with one token a line, path, how many lines to skip, how many to take. In the path, `{n}` becomes the
-- number of the line, and `{n/50}` the same in steps of 50 up to 950.
local texts, turn = {}, 0

function init(arguments)
  local file, path, skip, take = arguments[1], arguments[2], tonumber(arguments[3]), tonumber(arguments[4])
  local line = 0
  for token in io.lines(file) do
    line = line + 1
    if line > skip + take then break end
    if line > skip then
      local n = line - 1
      local numbered = path:gsub("{n}", n):gsub("{n/50}", n % 20 * 50)
      texts[#texts + 1] = wrk.format("GET", numbered, { ["Authorization"] = "Bearer " .. token })
    end
  end
end

function request()
  turn = turn % #texts + 1
  return texts[turn]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"seconds":%.6f,"refused":%d,"failed":%d,"p50Ms":%.4f,"p99Ms":%.4f}\n',
    summary.requests, summary.duration / 1e6, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
