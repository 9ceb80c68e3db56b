/**
 * A small ext4 of its own, in a file, whose power can be cut: EXT4_IOC_SHUTDOWN without flushing the journal, then
 * unmounted and mounted again, so that only what had reached the "drive" is there. Needs Linux, root, loop devices,
 * mkfs.ext4, and perl or python3 for the ioctl, which Node has not.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Sparse: it takes what is written. Room for the reserve that the server leaves free, and a few segments. */
const IMAGE_BYTES_DEFAULT = 2 * 1024 ** 3
/** _IOR('X', 125, __u32), and EXT4_GOING_FLAGS_NOLOGFLUSH: linux/fs/ext4/ext4.h. */
const EXT4_IOC_SHUTDOWN = 0x8004_587d
const NO_LOG_FLUSH = 2

const SHUTDOWNS: readonly (readonly [string, readonly string[]])[] = [
  ['perl', ['-e', 'open(my $d, "<", $ARGV[0]) or die $!; ioctl($d, $ARGV[1], pack("I", $ARGV[2])) or die $!']],
  [
    'python3',
    ['-c', 'import fcntl,os,struct,sys;a=sys.argv;fcntl.ioctl(os.open(a[1],0),int(a[2]),struct.pack("I",int(a[3])))'],
  ],
]

export class LoopDisk implements Disposable {
  /** Where it is mounted. */
  readonly path: string
  readonly #image: string

  private constructor(folder: string) {
    this.#image = join(folder, 'disk.img')
    this.path = join(folder, 'disk')
  }

  /** What this machine lacks for it, in one line; `undefined`: nothing. */
  static missing(): string | undefined {
    if (process.platform !== 'linux') return 'Linux'
    if (process.getuid?.() !== 0) return 'root, to mount a file system'
    for (const tool of ['mkfs.ext4', 'mount', 'umount']) if (!hasTool(tool)) return tool
    if (!SHUTDOWNS.some(([tool]) => hasTool(tool))) return 'perl or python3, for an ioctl'
    if (!existsSync('/dev/loop-control')) return 'loop devices'
    return undefined
  }

  /** Makes the file system in `folder`, and mounts it. */
  static make(folder: string, bytes = IMAGE_BYTES_DEFAULT): LoopDisk {
    const disk = new LoopDisk(folder)
    writeFileSync(disk.#image, '')
    truncateSync(disk.#image, bytes)
    run('mkfs.ext4', '-q', '-F', '-E', 'lazy_itable_init=1,lazy_journal_init=1', disk.#image)
    mkdirSync(disk.path)
    disk.#mount()
    return disk
  }

  /** The power fails: what the kernel has not written is lost, and nothing more is written. */
  cut(): void {
    const shutdown = SHUTDOWNS.find(([tool]) => hasTool(tool))
    if (shutdown === undefined) throw new Error('the power of a file system is cut with perl or python3')
    const [tool, script] = shutdown
    run(tool, ...script, this.path, String(EXT4_IOC_SHUTDOWN), String(NO_LOG_FLUSH))
  }

  /** The power is back. Whoever had files open must be gone. */
  restore(): void {
    run('umount', this.path)
    this.#mount()
  }

  [Symbol.dispose](): void {
    // Also when a test failed in the middle, with files open.
    run('umount', '--lazy', this.path)
  }

  #mount(): void {
    run('mount', '-o', 'loop', this.#image, this.path)
  }
}

function hasTool(name: string): boolean {
  return (process.env['PATH'] ?? '').split(':').some((folder) => existsSync(join(folder, name)))
}

function run(tool: string, ...args: readonly string[]): void {
  execFileSync(tool, args, { stdio: ['ignore', 'ignore', 'pipe'] })
}
