export { CRASH_MODES, CUT_MODES, type CrashMode } from './crash-mode.ts'
export { type Rot, rot, ROT_KINDS, type RotKind } from './disk-rot.ts'
export {
  type DiskFault,
  type DiskOperation,
  type DiskOperationKind,
  SimulatedDisk,
  type SimulatedDiskOptions,
} from './simulated-disk.ts'
export { wrapDisk, wrapFiles } from './wrapped-disk.ts'
