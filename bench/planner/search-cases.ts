import type { Metric } from './search-judge.ts'

/** [model, devices, workload, metric]: fixed before anything was measured. */
export type SearchCase = readonly [string, string, string, Metric]

export const searchCases: readonly SearchCase[] = [
  ['llama-3.1-8b', 'h100:1', 'chat', 'e2e mean'],
  ['llama-3.1-8b', 'h100:2', 'code', 'ttft p95'],
  ['llama-3.1-8b', 'h100:8', 'customer-service', 'e2e mean'],
  ['llama-3.1-8b', 'a100:4', 'chat', 'e2e mean'],
  ['llama-3.1-8b', 'l40s:4', 'chat', 'e2e mean'],
  ['llama-3.1-8b', 'l4:8', 'customer-service', 'e2e p95'],
  ['llama-3.1-8b', 'h100:4', 'summarisation', 'e2e mean'],
  ['llama-3.1-8b', 'h100:2', 'batch', 'time for all'],
  ['llama-3.1-70b', 'h100:8', 'chat', 'e2e mean'],
  ['llama-3.1-70b', 'h100:8', 'summarisation', 'e2e p95'],
  ['llama-3.1-70b', 'a100:8', 'chat', 'e2e mean'],
  ['llama-3.1-70b', 'h200:4', 'code', 'ttft p95'],
  ['llama-3.1-70b', 'h100:4', 'batch', 'time for all'],
  ['llama-3.1-70b', 'b200:4', 'customer-service', 'e2e mean'],
  ['llama-2-7b', 'a100:2', 'voice', 'e2e mean'],
  ['llama-2-13b', 'h100:4', 'customer-service', 'e2e mean'],
  ['qwen3-32b', 'h100:4', 'chat', 'e2e mean'],
  ['qwen3-32b', 'a100:8', 'customer-service', 'e2e p95'],
  ['qwen3-32b', 'h200:2', 'summarisation', 'e2e mean'],
  ['qwen3-14b', 'l40s:4', 'chat', 'e2e mean'],
  ['mixtral-8x7b', 'h100:4', 'chat', 'e2e mean'],
  ['qwen3-30b-a3b', 'h100:4', 'chat', 'e2e mean'],
  ['gpt-oss-120b', 'h100:4', 'chat', 'e2e mean'],
  ['gemma-3-27b', 'h100:4', 'customer-service', 'e2e mean'],
]
