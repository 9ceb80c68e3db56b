/** The encoding of a body: `application/x-amz-json-1.1` or `application/x-amz-cbor-1.1`. */
export type Codec = 'json' | 'cbor'
