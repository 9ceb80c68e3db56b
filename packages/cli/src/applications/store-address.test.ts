import { describe, expect, it } from 'vitest'
import { needed } from './open-applications.ts'
import { parseStore } from './store-address.ts'

describe('--store', () => {
  it.each([
    ['service', { kind: 'service' }],
    ['dynamodb://eu-west-1/orders-app', { kind: 'dynamodb', region: 'eu-west-1', table: 'orders-app' }],
    [
      'dynamodb://us-east-1/orders.app?endpoint=http://localhost:8000',
      { kind: 'dynamodb', region: 'us-east-1', table: 'orders.app', endpoint: 'http://localhost:8000' },
    ],
    ['postgres://me:secret@db:5433/app', { kind: 'postgres', url: 'postgres://me:secret@db:5433/app' }],
    [
      'postgresql://db/app?sslmode=require&schema=a b',
      { kind: 'postgres', url: 'postgresql://db/app?sslmode=require', schema: 'a b' },
    ],
    ['redis://cache', { kind: 'redis', url: 'redis://cache' }],
    ['redis://me:secret@cache:6380/', { kind: 'redis', url: 'redis://me:secret@cache:6380' }],
    ['redis://cache:6380/2', { kind: 'redis', url: 'redis://cache:6380/2' }],
    ['rediss://cache/or%20ders', { kind: 'redis', url: 'rediss://cache', prefix: 'or ders' }],
    ['redis://cache/2/orders', { kind: 'redis', url: 'redis://cache/2', prefix: 'orders' }],
    ['redis://cache/2nd', { kind: 'redis', url: 'redis://cache', prefix: '2nd' }],
  ] as const)('takes %s', (text, address) => {
    expect(parseStore(text)).toEqual(address)
  })

  it.each([
    ['redis', '"redis" is no store of leases'],
    ['mysql://me:secret@db/app', '"mysql://…@db/app" is no store of leases'],
    ['dynamodb:///orders', 'which region?'],
    ['dynamodb://us-east-1', 'which table?'],
    ['dynamodb://us-east-1/a table', '"a table" is no name of a table'],
    ['dynamodb://us-east-1/orders?endpoint=localhost', '"localhost" is no endpoint'],
  ])('refuses %s', (text, message) => {
    expect(() => parseStore(text)).toThrow(message)
  })

  it('says in one line which package is missing and how to install it', async () => {
    const missing = (name: string) => Promise.reject(Object.assign(new Error(`Cannot find package '${name}' imported from x`), { code: 'ERR_MODULE_NOT_FOUND' })) // prettier-ignore
    const message = 'leases there need a package that is not installed beside millrace: npm install pg'
    await expect(needed('pg', () => missing('pg'))).rejects.toMatchObject({ failure: { ending: 'usage', message } })
    // One of its own that is missing is another matter.
    await expect(needed('pg', () => missing('pg-types'))).rejects.toThrow("Cannot find package 'pg-types'")
  })
})
