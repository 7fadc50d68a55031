/** The positional of commands that are about one deployment. */
export const deploymentName = {
  name: 'deployment',
  summary: 'Its name',
  completes: 'deployment',
} as const
