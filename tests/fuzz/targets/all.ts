/** Every target, in the order in which they are tried. */
import type { Target } from '../support/target.ts'
import { aggregatedRecords } from './aggregated-records.ts'
import { cborDocuments, cborRequests, jsonDocuments, jsonRequests, responses } from './bodies.ts'
import { credentialsDocuments, iniFiles, refusals } from './client-texts.ts'
import { recordSources, typedTexts } from './command-line.ts'
import { configFiles, configValues, credentialsFiles, keyFiles } from './configuration.ts'
import { acceptedLosses, manifests } from './directory-documents.ts'
import { eventStreams } from './event-streams.ts'
import { frontDoor } from './front-door.ts'
import { logFiles } from './log-files.ts'
import { base64Texts, names } from './names.ts'
import { policies } from './policies.ts'
import { signatures } from './signatures.ts'
import { metadata, storedRecords } from './stored-records.ts'
import { sealedMessages, tokens } from './tokens.ts'

export const targets: readonly Target[] = [
  jsonDocuments,
  cborDocuments,
  jsonRequests,
  cborRequests,
  responses,
  base64Texts,
  names,
  tokens,
  sealedMessages,
  signatures,
  eventStreams,
  aggregatedRecords,
  refusals,
  credentialsDocuments,
  iniFiles,
  typedTexts,
  recordSources,
  configFiles,
  configValues,
  credentialsFiles,
  keyFiles,
  policies,
  storedRecords,
  metadata,
  frontDoor,
  logFiles,
  manifests,
  acceptedLosses,
]
