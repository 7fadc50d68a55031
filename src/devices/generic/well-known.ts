import type { GenericDevices } from './generic.ts'

const none = { devices: [], pin: {}, files: [] }
const plain = { memoryLabel: null, modelLabels: [], taint: null, isLinked: false }

/** Accelerators that Kubernetes has a device plugin for. On a machine of their own the config names the devices. */
export const wellKnown: readonly GenericDevices[] = [
  {
    ...none,
    name: 'intel',
    pin: { ZE_AFFINITY_MASK: '{indices}' },
    files: ['/dev/dri'],
    kubernetes: {
      ...plain,
      name: 'Intel GPU',
      resources: ['gpu.intel.com/i915', 'gpu.intel.com/xe', 'intel.com/gpu'],
      modelLabels: ['gpu.intel.com/product'],
    },
  },
  {
    ...none,
    name: 'gaudi',
    pin: { HABANA_VISIBLE_DEVICES: '{indices}' },
    kubernetes: {
      ...plain,
      name: 'Intel Gaudi',
      resources: ['habana.ai/gaudi'],
      taint: 'habana.ai/gaudi',
      isLinked: true,
    },
  },
  {
    ...none,
    name: 'tpu',
    pin: { TPU_VISIBLE_CHIPS: '{indices}' },
    files: ['/dev/accel{index}'],
    kubernetes: {
      ...plain,
      name: 'Google TPU',
      resources: ['google.com/tpu'],
      modelLabels: ['cloud.google.com/gke-tpu-accelerator'],
      taint: 'google.com/tpu',
      isLinked: true,
    },
  },
  {
    ...none,
    name: 'neuron',
    pin: { NEURON_RT_VISIBLE_CORES: '{indices}' },
    files: ['/dev/neuron{index}'],
    kubernetes: {
      ...plain,
      name: 'AWS Neuron',
      resources: [
        'aws.amazon.com/neuron',
        'aws.amazon.com/neuroncore',
        'aws.amazon.com/neurondevice',
      ],
      modelLabels: ['node.kubernetes.io/instance-type'],
      taint: 'aws.amazon.com/neuron',
      isLinked: true,
    },
  },
  {
    ...none,
    name: 'ascend',
    pin: { ASCEND_RT_VISIBLE_DEVICES: '{indices}' },
    files: ['/dev/davinci{index}', '/dev/davinci_manager', '/dev/devmm_svm', '/dev/hisi_hdc'],
    kubernetes: {
      ...plain,
      name: 'Huawei Ascend',
      resources: ['huawei.com/Ascend910', 'huawei.com/Ascend310P'],
      isLinked: true,
    },
  },
]
