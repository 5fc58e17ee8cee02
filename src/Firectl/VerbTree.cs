using System.CommandLine;

namespace Firectl;

/// <summary>
/// Hangs every verb under both word orders: <c>firectl create deployment</c> and <c>firectl deployment create</c>.
/// </summary>
internal sealed class VerbTree(RootCommand root, FirectlContext context)
{
    /// <summary>A verb of a noun, such as create of deployment.</summary>
    /// <param name="nouns">The noun and its other spellings: deployment, deployments.</param>
    /// <param name="build">Makes the command; called once for each word order, because a command has one
    /// parent.</param>
    public void Add(string verb, IReadOnlyList<string> nouns, string description, Func<Command, Verb> build)
    {
        var verbFirst = new Command(nouns[0], description);
        var nounFirst = new Command(verb, description);
        foreach (var other in nouns.Skip(1)) verbFirst.Aliases.Add(other);
        Complete(verbFirst, build);
        Complete(nounFirst, build);
        string[] spellings = verb == "list" ? ["list", "ls"] : [verb];
        foreach (var other in spellings.Skip(1)) nounFirst.Aliases.Add(other);
        var parent = Child(root, spellings, description);
        if (parent.Subcommands.Count > 0) parent.Description = $"{verb} one of several kinds of resource";
        parent.Subcommands.Add(verbFirst);
        Child(root, nouns, $"work with {nouns[^1]}").Subcommands.Add(nounFirst);
    }

    /// <summary>A command without a noun, such as <c>whoami</c>.</summary>
    public void Add(string verb, string description, Func<Command, Verb> build)
    {
        var command = new Command(verb, description);
        Complete(command, build);
        root.Subcommands.Add(command);
    }

    /// <summary>A verb that stands behind its noun alone; before it, it has a meaning of its own.</summary>
    public void AddUnder(string noun, string verb, string description, Func<Command, Verb> build)
    {
        var command = new Command(verb, description);
        Complete(command, build);
        Child(root, [noun], $"work with {noun}").Subcommands.Add(command);
    }

    private void Complete(Command command, Func<Command, Verb> build)
    {
        var verb = build(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            using var invocation = new Invocation(parsed, context);
            return await verb(invocation, cancellation);
        });
    }

    private static Command Child(Command parent, IReadOnlyList<string> names, string description)
    {
        if (parent.Subcommands.FirstOrDefault(command => command.Name == names[0]) is { } existing) return existing;
        var child = new Command(names[0], description);
        foreach (var other in names.Skip(1)) child.Aliases.Add(other);
        parent.Subcommands.Add(child);
        return child;
    }
}

/// <summary>What a command does, given its parsed flags.</summary>
internal delegate Task<int> Verb(Invocation invocation, CancellationToken cancellation);
