/**
 * The tools that `claude` 2.1.330 has; `test/contract/tools.test.ts` compares this list with the CLI's own. The CLI silently
 * accepts a rule for a tool that does not exist.
 * @module
 */

const names = (text: string): readonly string[] => text.trim().split(/\s+/);

/** The CLI's names for its tools. Not every run has all of them. */
export const CLAUDE_TOOLS = names(`
  Agent Artifact AskUserQuestion Bash ClaudeDesign CronCreate CronDelete CronList Edit EndConversation EnterPlanMode
  EnterWorktree ExitPlanMode ExitWorktree Glob Grep ListAgents ListMcpResourcesTool LSP Monitor NotebookEdit
  OfferChromeSetup PowerShell Projects propose_skills PushNotification Read ReadMcpResourceDirTool ReadMcpResourceTool
  ReadNotifications RemoteTrigger ReportFindings ScheduleWakeup SendFeedback SendMessage SendUserFile SendUserMessage
  SetGoal ShareOnboardingGuide ShowOnboardingRolePicker Skill SubagentHandback TaskCreate TaskGet TaskList TaskStop
  TaskUpdate TodoWrite ToolSearch WaitForMcpServers WebFetch WebSearch Workflow Write
`);

/** Aliases that the CLI accepts, and names of tools that it no longer has. */
export const FORMER_TOOLS = names(`
  Task KillShell KillBash ListPeers Brief ListMcpResources ReadMcpResource ReadMcpResourceDir ProposeGoal
  BashOutput LS MultiEdit NotebookRead SlashCommand TodoRead
`);
