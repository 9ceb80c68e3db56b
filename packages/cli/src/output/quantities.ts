/**
 * Counts, bytes, rates and durations as people read them. For stderr and tables; data for machines stays exact.
 */

const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

/** 1234567 → `1,234,567`. */
export function formatCount(count: number): string {
  return grouped.format(count)
}

/** `one record`, `2 records`, `1,000 records`. */
export function formatCounted(count: number, singular: string, plural = `${singular}s`): string {
  return `${formatCount(count)} ${count === 1 ? singular : plural}`
}

const byteUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

/** 1536 → `1.5 KiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < byteUnits.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${byteUnits[unit]}`
}

/** 61500 → `1m 02s`; 1500 → `1.5 s`; 12 → `12 ms`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  const pad = (n: number): string => String(n).padStart(2, '0')
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${pad(seconds % 60)}s`
  const hours = Math.floor(seconds / 3600)
  if (hours < 48) return `${hours}h ${pad(Math.floor((seconds % 3600) / 60))}m`
  return `${Math.floor(hours / 24)}d ${pad(hours % 24)}h`
}

/** Things per second: 0.5 → `0.5/s`, 4000 → `4,000/s`. */
export function formatRate(count: number, ms: number): string {
  const rate = ms <= 0 ? 0 : (count * 1000) / ms
  return `${rate < 10 && rate > 0 ? rate.toFixed(1) : formatCount(rate)}/s`
}
