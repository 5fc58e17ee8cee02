using System.CommandLine;
using Firectl.Accounts;
using Firectl.Addons;
using Firectl.Capacity;
using Firectl.Deployments;
using Firectl.Models;
using Firectl.Simulating;
using Stoker.Api.Problems;

namespace Firectl;

/// <summary>The command tree, and the one place where failures become messages and exit statuses.</summary>
internal static class FirectlProgram
{
    /// <returns>
    /// The exit status: 0, or that of the problem's row in <see cref="CodeTable"/>; 2 also for a wrong command line,
    /// 130 for Ctrl-C.
    /// </returns>
    public static async Task<int> RunAsync(IReadOnlyList<string> args, FirectlContext context, CancellationToken cancellation = default)
    {
        var parsed = Tree(context).Parse(args);
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in Worded(parsed)) await context.Errors.WriteLineAsync($"Error: {error}");
            await context.Errors.WriteLineAsync($"See: {CommandPath(parsed.CommandResult)} --help");
            return Code.InvalidArgument.Row().ExitStatus;
        }

        var configuration = new InvocationConfiguration
        {
            Output = context.Output,
            Error = context.Errors,
            EnableDefaultExceptionHandler = false,
        };
        try
        {
            return await parsed.InvokeAsync(configuration, cancellation);
        }
        catch (ProblemException failure)
        {
            await WriteAsync(context, failure.Problem);
            return failure.Problem.Code.Row().ExitStatus;
        }
        catch (OperationCanceledException)
        {
            return 130; // as a shell reports Ctrl-C
        }
        // A file that cannot be read, a pipe whose reader left, an output that is closed.
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            await context.Errors.WriteLineAsync($"Error: {failure.Message}");
            return Code.Unknown.Row().ExitStatus;
        }
    }

    /// <summary>
    /// The parser's messages for people: no .NET types, and no "a command is missing" beside the word that is none.
    /// </summary>
    private static List<string> Worded(ParseResult parsed)
    {
        var messages = parsed.Errors.Select(error => error.Message
            .Replace(" as expected type 'System.Int32'", " as a whole number", StringComparison.Ordinal)
            .Replace(" as expected type 'System.Int64'", " as a whole number", StringComparison.Ordinal)
            .Replace(" as expected type 'System.Double'", " as a number", StringComparison.Ordinal)).ToList();
        if (messages.Count > 1) messages.RemoveAll(message => message.StartsWith("Required command", StringComparison.Ordinal));
        return messages;
    }

    private static async Task WriteAsync(FirectlContext context, Problem problem)
    {
        if (problem.Violations.Count < 2)
        {
            await context.Errors.WriteLineAsync($"Error: {problem.Message}");
            if (NotFoundHint.For(problem) is { } hint) await context.Errors.WriteLineAsync($"See: {hint}");
            return;
        }

        await context.Errors.WriteLineAsync($"Error: {problem.Violations.Count} fields are wrong:");
        foreach (var violation in problem.Violations) await context.Errors.WriteLineAsync($"  {violation.Field} {violation.Description}");
    }

    private static RootCommand Tree(FirectlContext context)
    {
        var root = new RootCommand("Controls Stoker, a platform for on-demand LLM deployments.") { TreatUnmatchedTokensAsErrors = true };
        foreach (var option in GlobalOptions.All) root.Options.Add(option);
        var verbs = new VerbTree(root, context);
        DeploymentVerbs.Add(verbs);
        ModelVerbs.Add(verbs);
        DeployedModelVerbs.Add(verbs);
        RegionVerbs.Add(verbs);
        ReservationVerbs.Add(verbs);
        QuotaVerbs.Add(verbs);
        ApiKeyVerbs.Add(verbs);
        AccountVerbs.Add(verbs);
        UserVerbs.Add(verbs);
        AuditLogVerbs.Add(verbs);
        SessionVerbs.Add(verbs);
        SimulateVerb.Add(verbs);
        return root;
    }

    private static string CommandPath(System.CommandLine.Parsing.SymbolResult? result)
    {
        var names = new List<string>();
        for (; result is System.CommandLine.Parsing.CommandResult command; result = result.Parent) names.Insert(0, command.Command.Name);
        return string.Join(' ', names.Skip(1).Prepend("firectl"));
    }
}

/// <summary>Carries a problem from a verb to <see cref="FirectlProgram"/>; verbs have no other way to fail.</summary>
internal sealed class ProblemException(Problem problem) : Exception(problem.Message)
{
    public Problem Problem { get; } = problem;
}
