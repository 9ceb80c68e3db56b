/** Whether a read failed because the drive cannot read that block: what stands there is lost. Other errors may pass. */
export function isRefusedRead(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && error.code === 'EIO'
}
