export { AgentError } from './agent-error.ts';
export { startAgent, type Agent } from './agent.ts';
export { checkAgent } from './check-agent.ts';
export { type AgentConfig } from './config/agent-config.ts';
export { readConfig, type GivenConfig } from './config/read-config.ts';
export { execAgent, exitCodeOf, runAgent, runAgentOnce } from './run-agent.ts';
