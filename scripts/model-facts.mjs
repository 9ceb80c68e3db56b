/**
 * Holds our facts of the published Kinesis model (packages/protocol/src/testing/model-facts.json, to which a test holds our operations
 * and shapes) to the model itself: `node scripts/model-facts.mjs service-2.json`, as the AWS SDKs for Python and Java carry it. With
 * `--write` the facts are made of it.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'

const factsFile = new URL('../packages/protocol/src/testing/model-facts.json', import.meta.url)
const file = process.argv.slice(2).find((argument) => !argument.startsWith('--'))
if (file === undefined) {
  console.error('expected the path of a service-2.json of Kinesis')
  process.exit(2)
}
const model = JSON.parse(readFileSync(file, 'utf8'))
const ours = JSON.parse(readFileSync(factsFile, 'utf8'))

const sorted = (object) => Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)))
const mapped = (object, change) =>
  sorted(Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value)])))

function valueOf(name) {
  const { type, min, max, pattern, enum: words, member, key, value } = model.shapes[name]
  if (type === 'structure') return { structure: name }
  return {
    type,
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    ...(pattern === undefined ? {} : { pattern }),
    ...(words === undefined ? {} : { enum: words }),
    ...(member === undefined ? {} : { element: valueOf(member.shape) }),
    ...(key === undefined ? {} : { key: valueOf(key.shape), value: valueOf(value.shape) }),
  }
}

/** All structures that requests and answers are made of. */
const structures = {}
const walked = new Set()
function walk(name) {
  if (name === null || walked.has(name)) return
  walked.add(name)
  const { type, required = [], members = {}, member, key, value } = model.shapes[name]
  if (type === 'structure')
    structures[name] = { required: required.toSorted(), members: mapped(members, ({ shape }) => valueOf(shape)) }
  for (const part of [...Object.values(members), member, key, value]) if (part !== undefined) walk(part.shape)
}

const operations = mapped(model.operations, ({ input, output, errors = [] }) => ({
  input: input?.shape ?? null,
  output: output?.shape ?? null,
  errors: errors.map(({ shape }) => shape).sort(),
}))
for (const { input, output } of Object.values(operations)) {
  walk(input)
  walk(output)
}
const theirs = { operations, structures: sorted(structures) }

if (process.argv.includes('--write')) {
  writeFileSync(factsFile, `${JSON.stringify({ about: ours.about, ...theirs }, null, 2)}\n`)
  console.log('written; npx prettier --write gives it its form')
  process.exit()
}
const names = ['operations', 'structures'].flatMap((kind) =>
  [...new Set([...Object.keys(theirs[kind]), ...Object.keys(ours[kind])])]
    .sort()
    .filter((name) => !isDeepStrictEqual(theirs[kind][name], ours[kind][name]))
    .map(
      (name) =>
        `${name}: the model has ${JSON.stringify(theirs[kind][name])}, we have ${JSON.stringify(ours[kind][name])}`,
    ),
)
console.log(
  names.join('\n') ||
    `${Object.keys(operations).length} operations and ${Object.keys(structures).length} structures are as the model has them`,
)
process.exit(names.length === 0 ? 0 : 1)
