/** What `baleen simulate --example` shows: every part of a scenario once, and it runs. */
export const exampleScenario = `# Run it: baleen simulate scenario.yaml --chart timeline.html
seed: 1

# What serves. Memory and step times come from the planner's knowledge of engine, model and GPU;
# instead of a deployment a pool may have step times of its own:
#   step: { base: 6, promptToken: 0.03, sequence: 0.02, contextToken: 0.00001 }   # ms
pools:
  - name: main
    replicas: 2
    start: 45s                 # until a new replica is ready; warm or cold: as the planner foresees
    deployment: { engine: vllm, version: 0.15.1, model: llama-3.1-8b, gpu: l40s, precision: bf16 }
    engine: { sequencesMax: 64, batchTokens: 2048 }
    # Follows targets, the one that asks for most: inFlight, waiting, kvUsage, busy, ttft, tpot.
    # min: 0 lets the pool sleep after idleAfter; upAfter, cooldown and upMost hold growth back.
    scaling: { min: 2, max: 4, inFlight: 24, ttft: 2s, every: 15s, downAfter: 60s, cooldown: 15s }

workload:
  rate: 2                      # conversations a second; or: users: 32
  arrivals: gamma:cv=2         # as \`baleen inject --arrivals\`
  duration: 120s
  inputTokens: lognormal:median=700,sigma=0.9,max=8k
  outputTokens: lognormal:median=150,sigma=0.7,max=1k
  sharedPrefix: { groups: 4, tokens: 512 }
  turns: 2
  think: 5s
  # trace: requests.csv        # recorded times and lengths instead

faults:
  - { kind: slow, at: 30s, replica: 1, factor: 2, for: 15s }
  - { kind: crash, at: 60s, replica: 0, restart: 5s }

slo: { ttft: 2s, tpot: 60ms }
`
