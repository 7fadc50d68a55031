/** What a device can do on paper. Rates are dense, without sparsity. */
export interface Accelerator {
  readonly name: string
  readonly vendor: Vendor
  readonly architecture: Architecture
  readonly memoryBytes: number
  readonly bandwidthGBs: number
  readonly tflops: Tflops
  readonly link: Link
  /** Host link, GB/s one way. */
  readonly hostGBs: number
  readonly tdpW: number | null
  /** Typical on-demand rent, US dollars an hour; null where nobody lists it. */
  readonly priceUsdH: number | null
  readonly source: string
}

export type Vendor =
  | 'nvidia'
  | 'amd'
  | 'intel'
  | 'google'
  | 'aws'
  | 'huawei'
  | 'sambanova'
  | 'apple'
  | 'cpu'

/** Devices of one architecture share kernels, hence utilisation tables. */
export type Architecture =
  | 'volta'
  | 'turing'
  | 'ampere'
  | 'ada'
  | 'hopper'
  | 'blackwell'
  | 'blackwell-rtx'
  | 'cdna'
  | 'battlemage'
  | 'ponte-vecchio'
  | 'gaudi'
  | 'tpu'
  | 'neuron'
  | 'ascend'
  | 'rdu'
  | 'metal'
  | 'cpu'

/** Peak rates by the type that is multiplied; null where the device has no such unit. */
export interface Tflops {
  readonly bf16: number
  readonly fp8: number | null
  readonly int8: number | null
  readonly fp4: number | null
}

export interface Link {
  readonly kind: 'nvlink' | 'infinity-fabric' | 'fabric' | 'pcie' | 'none'
  /** One way, for one device. */
  readonly GBs: number
}
