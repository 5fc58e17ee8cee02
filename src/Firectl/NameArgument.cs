using System.CommandLine;

namespace Firectl;

/// <summary>The argument of a verb that names one resource: an ID of the account, or a full name.</summary>
internal sealed class NameArgument<TName>
    where TName : class, IParsable<TName>
{
    private readonly Argument<string> _argument;
    private readonly string _collection;

    /// <param name="noun">As help shows it, such as <c>DEPLOYMENT</c>.</param>
    /// <param name="collection">Of its full name, such as <c>deployments</c>.</param>
    /// <param name="example">Of an ID that nobody chose.</param>
    public NameArgument(Command command, string noun, string collection, string? example = null)
    {
        _argument = new(noun) { Description = example is null ? "Its ID or full name" : $"Its ID, such as {example}, or full name" };
        _collection = collection;
        command.Arguments.Add(_argument);
    }

    /// <summary>The full name of what the user typed.</summary>
    public Task<TName> OfAsync(Invocation invocation, CancellationToken cancellation) =>
        invocation.NameAsync<TName>(invocation.Value(_argument)!, _collection, cancellation);
}
