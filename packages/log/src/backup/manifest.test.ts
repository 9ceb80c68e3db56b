import { describe, expect, it } from 'vitest'
import { decodeManifest, encodeManifest, type Manifest } from './manifest.ts'

const sound: Manifest = {
  version: 1,
  createdMs: 5,
  logId: '00'.repeat(16),
  commit: 7,
  files: [{ path: 'log/0000000001.seg', stored: 'shared/0000000001-1.seg', bytes: 4_096, crc32: 1 }],
}
const decoded = (bytes: Uint8Array): Manifest => decodeManifest(bytes, 'manifest.json', 7)

describe('a manifest', () => {
  it('is read as it was written', () => {
    expect(decoded(encodeManifest(sound))).toEqual(sound)
  })

  it.each(['null', '5', '[]', '{}', '{"version":1}', '"text"'])('that is %s is damaged', (text) => {
    expect(() => decoded(Buffer.from(text))).toThrow('manifest.json: this manifest fails its checksum')
  })

  it.each(['../outside', '/etc/passwd', 'log/../../outside', '', 'log//a', 'C:a', 'log\\..\\a', 5])(
    'that names the file %s is damaged, though its checksum is right: nothing is restored elsewhere',
    (path) => {
      const [file] = sound.files
      for (const changed of [{ path }, { stored: path }]) {
        const files = [{ ...file, ...changed }] as Manifest['files']
        expect(() => decoded(encodeManifest({ ...sound, files }))).toThrow('fails its checksum')
      }
    },
  )

  it.each([
    ['when it was taken', '"createdMs": 5', '"createdMs": 4'],
    ['its log', '"logId": "00', '"logId": "01'],
    ['where a file goes', 'log/0000000001.seg', 'log/0000000003.seg'],
    ['where a file is', '0000000001-1.seg', '0000000001-3.seg'],
    ['the length of a file', '4096', '4097'],
    ['the checksum of a file', '"crc32": 1', '"crc32": 2'],
  ])('is damaged with one digit changed of %s', (_what, from, to) => {
    const text = Buffer.from(encodeManifest(sound)).toString()
    expect(text.split(from)).toHaveLength(2)
    expect(() => decoded(Buffer.from(text.replace(from, to)))).toThrow(
      'manifest.json: this manifest fails its checksum',
    )
  })
})
