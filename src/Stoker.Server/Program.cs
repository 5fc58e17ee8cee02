using Stoker.Replica;
using Stoker.Server;

// Replicas start often and on the way to a first token: they go past the command line's machinery.
return args is ["replica", .. var rest] ? await ReplicaCommand.RunAsync(rest) : await StokerCommands.RunAsync(args);
