import { setTimeout as sleep } from 'node:timers/promises'
import type { WholeAnswer } from '../embedded/http/serving.ts'
import { createId } from '../../core/id.ts'
import { meetingNobody } from '../sglang/pairing.ts'
import { fetchCache, type Handover } from './handover.ts'

/** What a request asks of a replica that shares requests with others. */
export interface PairedRequest {
  /** More are not made here, whatever the request says. */
  readonly tokensMax: number
  /** Fetches its cache. Null: it reads the prompt itself. Throws where it can't be had. */
  readonly receive: ((promptTokens: number, isWanted: () => boolean) => Promise<void>) | null
  /** Once its prompt is read. Resolves with what its answer becomes, so as to say where that is. */
  give(): Promise<(answer: WholeAnswer) => object>
}

export interface PairPlayer {
  readonly role: 'prefill' | 'decode'
  readonly handover: Handover | null
  readonly transferMs: (promptTokens: number) => number
}

type Body = Readonly<Record<string, unknown>>

/** Engines whose protocol is played. */
const played: Readonly<Record<string, (body: Body, player: PairPlayer) => PairedRequest | null>> = {
  vllm: likeVllm,
  sglang: likeSglang,
  trtllm: likeTrtllm,
}

export const isPairPlayed = (engine: string): boolean => engine in played

/** Null: it is a request like any other. */
export const readPaired = (
  engine: string,
  body: unknown,
  player: PairPlayer,
): PairedRequest | null =>
  typeof body === 'object' && body !== null
    ? (played[engine]?.(body as Body, player) ?? null)
    : null

const asIs = (answer: WholeAnswer): object => answer
const nothing = () => Promise.resolve(asIs)

/** NixlConnector: what the one that read answers names its blocks, and the other fetches them, or fails (0.26 and later). */
function likeVllm(body: Body, { handover, transferMs }: PairPlayer): PairedRequest | null {
  const params = body['kv_transfer_params'] as Readonly<Record<string, unknown>> | null | undefined
  if (!params) return null
  if (params['do_remote_decode'] === true && handover)
    return {
      tokensMax: Infinity,
      receive: null,
      give() {
        const name = createId('req')
        void handover.offer(name)
        const params = {
          do_remote_prefill: true,
          do_remote_decode: false,
          remote_block_ids: [[0]],
          remote_engine_id: `${handover.host}:${handover.port}`,
          remote_request_id: name,
          remote_host: handover.host,
          remote_port: handover.port,
          tp_size: 1,
        }
        return Promise.resolve((answer) => ({ ...answer, kv_transfer_params: params }))
      },
    }
  const { remote_host: host, remote_port: port, remote_request_id: name } = params
  const isWhole =
    Array.isArray(params['remote_block_ids']) && typeof params['remote_engine_id'] === 'string'
  if (params['do_remote_prefill'] !== true || typeof host !== 'string' || !isWhole) return null
  return {
    tokensMax: Infinity,
    async receive(promptTokens) {
      await fetchCache({ host, port: Number(port) }, String(name))
      await sleep(transferMs(promptTokens))
    },
    give: nothing,
  }
}

/** Both have the same request; they meet at the address and in the room that it names. */
function likeSglang(body: Body, { role, handover, transferMs }: PairPlayer): PairedRequest | null {
  const { bootstrap_host: host, bootstrap_port: port, bootstrap_room: room } = body
  if (typeof host !== 'string' || typeof room !== 'number') return null
  // What SGLang warms itself up with: nobody is on the other side.
  const isAlone = host === meetingNobody.bootstrap_host
  if (role === 'prefill')
    return {
      tokensMax: 1,
      receive: null,
      async give() {
        if (!isAlone) await handover?.offer(String(room))
        return asIs
      },
    }
  return {
    tokensMax: Infinity,
    async receive(promptTokens, isWanted) {
      if (!isAlone) await fetchCache({ host, port: Number(port) }, String(room), isWanted)
      await sleep(transferMs(promptTokens))
    },
    give: nothing,
  }
}

/** What the context server says of its cache goes to the generation server as it is. Tokens of the prompt are not played. */
function likeTrtllm(body: Body, { handover, transferMs }: PairPlayer): PairedRequest | null {
  const params = body['disaggregated_params'] as Readonly<Record<string, unknown>> | null
  if (params?.['request_type'] === 'context_only' && handover)
    return {
      tokensMax: 1,
      receive: null,
      give() {
        const name = createId('ctx')
        void handover.offer(name)
        const { host, port } = handover
        const told = { ...params, encoded_opaque_state: JSON.stringify({ host, port, name }) }
        return Promise.resolve((answer) => ({
          ...answer,
          choices: answer.choices.map((one) => ({ ...one, disaggregated_params: told })),
        }))
      },
    }
  if (params?.['request_type'] !== 'generation_only') return null
  const { host, port, name } = JSON.parse(String(params['encoded_opaque_state'])) as {
    host: string
    port: number
    name: string
  }
  return {
    tokensMax: Infinity,
    async receive(promptTokens) {
      await fetchCache({ host, port }, name)
      await sleep(transferMs(promptTokens))
    },
    give: nothing,
  }
}
