/** The Security Token Service's forms and XML: what is one of its requests, and how its answers look. */
import { type Sts, STS_VERSION, type StsAnswer, type StsResult } from '../auth/sts.ts'
import { StsError } from '../auth/sts-error.ts'
import type { Answer } from './answers.ts'
import type { WireRequest } from './wire.ts'

const FORM_TYPE = 'application/x-www-form-urlencoded'
/** Far beyond what any of its operations may send. */
const FORM_BYTES_MAX = 64 * 1024
const NAMESPACE = `https://sts.amazonaws.com/doc/${STS_VERSION}/`

/** The form, if the request is for this service: nothing of Kinesis has its content type, action and version. */
export function stsForm(contentType: string, { headers, body }: WireRequest): URLSearchParams | undefined {
  if (contentType !== FORM_TYPE || headers['x-amz-target'] !== undefined || body.length > FORM_BYTES_MAX)
    return undefined
  const form = new URLSearchParams(Buffer.from(body.buffer, body.byteOffset, body.length).toString('utf8'))
  return form.has('Action') && form.get('Version') === STS_VERSION ? form : undefined
}

/** Throws what is not a refusal. */
export function stsAnswer(sts: Sts, request: WireRequest, form: URLSearchParams): Answer {
  try {
    return xmlAnswer(200, resultXml(sts(request, form), request.id))
  } catch (error) {
    if (!(error instanceof StsError)) throw error
    return xmlAnswer(error.status, errorXml('Sender', error.code, error.message, request.id))
  }
}

/** The fault is ours. */
export function stsFailure({ id }: WireRequest): Answer {
  return xmlAnswer(500, errorXml('Receiver', 'InternalFailure', '', id))
}

function xmlAnswer(status: number, xml: string): Answer {
  return { status, contentType: 'text/xml', body: Buffer.from(xml) }
}

function resultXml({ action, result }: StsAnswer, requestId: string): string {
  return (
    `<${action}Response xmlns="${NAMESPACE}"><${action}Result>${elements(result)}</${action}Result>` +
    `<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata></${action}Response>`
  )
}

function errorXml(type: string, code: string, message: string, requestId: string): string {
  return (
    `<ErrorResponse xmlns="${NAMESPACE}"><Error><Type>${type}</Type><Code>${code}</Code>` +
    `<Message>${escaped(message)}</Message></Error><RequestId>${requestId}</RequestId></ErrorResponse>`
  )
}

function elements(result: StsResult): string {
  return Object.entries(result)
    .map(([name, value]) => `<${name}>${typeof value === 'string' ? escaped(value) : elements(value)}</${name}>`)
    .join('')
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** Control characters have no form in XML at all. */
function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => entities[character] ?? '').replace(/\p{Cc}/gu, '?')
}
