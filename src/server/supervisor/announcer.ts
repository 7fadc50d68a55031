/** What the supervisor tells the person who started it. The command `serve` decides how it looks. */
export interface Announcer {
  /** A step that takes a while; the same topic again replaces what it said before. */
  progress(topic: string, text: string, isDone: boolean): void
  /** Something that went wrong and is being mended. */
  trouble(text: string): void
  /** The only moment in which the whole key exists. */
  keyCreated(key: string): void
  /** Everything listens: the service is up. */
  ready(service: Service): void
  /** What the shutdown does now. */
  stopping(text: string): void
}

export interface Service {
  readonly gatewayUrl: string
  readonly dataDirectory: string
  readonly gateways: number
  /** A model that can be chatted with. Null: none is deployed. */
  readonly model: string | null
}
