/** Numbers of bytes as typed on a command line: `1048576`, `64MiB`, `2GB`. */
const unitBytes: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
}

/** Bytes, or `undefined` when `text` is no number of them. */
export function parseByteCount(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text)
  const unit = unitBytes[match?.[2]?.toUpperCase() ?? '?']
  return match === null || unit === undefined ? undefined : Math.round(Number(match[1]) * unit)
}
