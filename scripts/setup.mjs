/**
 * What `npm start` and `npm test` need before they can run: dependencies installed and packages built, each only
 * when something it depends on has changed. Plain Node, because nothing is installed yet when this runs.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))
const NODE_MIN = [20, 19]

/** Runs a program with our terminal; resolves with its exit code. */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit', ...options })
    child.on('error', reject)
    child.on('exit', (code, signal) => resolve(signal === null ? code : 1))
  })
}

/** Runs one of node_modules' programs under this very Node. */
export function runTool(path, args, options) {
  return run(process.execPath, [join(root, 'node_modules', path), ...args], options)
}

export function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return
  console.error(`Millrace needs Node.js ${NODE_MIN.join('.')} or newer; this is ${process.versions.node}.`)
  process.exit(1)
}

/** `npm ci`, unless it has already run for this very lockfile. Output goes to stderr: stdout is the caller's. */
export async function ensureInstalled() {
  const want = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .update(`${process.platform} ${process.arch}`)
    .digest('hex')
  const stamp = join(root, 'node_modules', '.millrace-installed')
  if (readStamp(stamp) === want) return
  console.error('Installing dependencies (npm ci) …')
  // Windows finds npm only through a shell.
  const code = await run('npm', ['ci', '--no-fund', '--no-audit', '--loglevel=error'], {
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  })
  if (code !== 0) throw new Error(`npm ci failed with exit code ${code}`)
  writeFileSync(stamp, want)
}

/** Types by `tsc -b` and code by bundle.mjs, unless sources, settings and dependencies are what they were when both last succeeded. */
export async function ensureBuilt() {
  const hash = createHash('sha256').update(readStamp(join(root, 'node_modules', '.millrace-installed')) ?? '')
  const names = readdirSync(join(root, 'packages'))
  const outputs = []
  for (const name of names) {
    const folder = join(root, 'packages', name)
    for (const file of ['package.json', 'tsconfig.json']) hash.update(readFileSync(join(folder, file)))
    hashFolder(hash, join(folder, 'src'))
    outputs.push(join(folder, 'dist', 'index.js'))
  }
  for (const path of ['tsconfig.base.json', 'scripts/bundle.mjs']) hash.update(readFileSync(join(root, path)))
  const want = hash.digest('hex')
  const stamp = join(root, '.cache', 'built')
  if (readStamp(stamp) === want && outputs.every((file) => statSync(file, { throwIfNoEntry: false }))) return
  console.error('Building …')
  // A file whose source is gone must not stay in what we publish.
  for (const output of outputs) rmSync(dirname(output), { recursive: true, force: true })
  const code = await runTool('typescript/bin/tsc', ['-b'], { stdio: ['ignore', 2, 2] })
  if (code !== 0) throw new Error(`tsc -b failed with exit code ${code}`)
  const { bundlePackage } = await import('./bundle.mjs')
  await Promise.all(names.map((name) => bundlePackage(join(root, 'packages', name))))
  mkdirSync(dirname(stamp), { recursive: true })
  writeFileSync(stamp, want)
}

function hashFolder(hash, folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) hashFolder(hash, path)
    else hash.update(path.slice(root.length)).update(readFileSync(path))
  }
}

function readStamp(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
