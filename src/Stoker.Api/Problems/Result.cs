using System.Diagnostics.CodeAnalysis;

namespace Stoker.Api.Problems;

/// <summary>A value, or the problem that stood in its way. Exceptions are for bugs and broken I/O.</summary>
public readonly struct Result<T>
    where T : notnull
{
    private readonly T? _value;

    private Result(T? value, Problem? problem) => (_value, Problem) = (value, problem);

    public Problem? Problem { get; }

    /// <exception cref="InvalidOperationException">The result is a problem: a bug of the caller, who has to look
    /// first.</exception>
    public T Value => Problem is null && _value is not null
        ? _value
        : throw new InvalidOperationException($"No value: {Problem?.Message ?? "the result was never set"}");

    public bool TryGet([NotNullWhen(true)] out T? value, [NotNullWhen(false)] out Problem? problem)
    {
        (value, problem) = (_value, Problem);
        return problem is null;
    }

    public Result<TOther> Then<TOther>(Func<T, Result<TOther>> next)
        where TOther : notnull => Problem is { } problem ? problem : next(Value);

#pragma warning disable CA2225 // The named alternates would be noise: a result is only ever made by returning a value or a problem.
    public static implicit operator Result<T>(T value) => new(value, null);

    public static implicit operator Result<T>(Problem problem) => new(default, problem);
#pragma warning restore CA2225
}
