/**
 * The format of `~/.aws/config` and `~/.aws/credentials`, read as the AWS SDKs read it: sections, properties, comments
 * (a line, or the end of one after a space), and properties nested by indentation under one without a value, which
 * are kept as `outer.inner`. Names of properties are lower-cased. What is none of this is skipped: these files belong
 * to other tools too.
 */
export type IniSections = ReadonlyMap<string, ReadonlyMap<string, string>>

export function parseIni(text: string): IniSections {
  const sections = new Map<string, Map<string, string>>()
  let section: Map<string, string> | undefined
  let outer: string | undefined
  for (const raw of text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/)) {
    const line = withoutComment(raw).trimEnd()
    if (line.trim() === '') continue
    const header = /^\[([^\]]*)\]$/.exec(line)
    if (header !== null) {
      const name = (header[1] ?? '').trim().replace(/\s+/g, ' ')
      section = sections.get(name) ?? new Map()
      sections.set(name, section)
      outer = undefined
      continue
    }
    const equals = line.indexOf('=')
    if (section === undefined || equals === -1) continue
    const name = line.slice(0, equals).trim().toLowerCase()
    const value = line.slice(equals + 1).trim()
    if (name === '') continue
    const nested = /^\s/.test(line)
    if (nested && outer !== undefined) {
      section.set(`${outer}.${name}`, value)
      continue
    }
    outer = value === '' ? name : undefined
    section.set(name, value)
  }
  return sections
}

/** `#` and `;` begin a comment at the start of a line or after white space; inside a value they are part of it. */
function withoutComment(line: string): string {
  const comment = /(?:^|\s)[#;]/.exec(line)
  return comment === null ? line : line.slice(0, comment.index)
}
