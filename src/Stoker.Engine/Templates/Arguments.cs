namespace Stoker.Engine.Templates;

/// <summary>The evaluated arguments of one call.</summary>
internal sealed record Arguments(
    string Callee, IReadOnlyList<object?> Positional, IReadOnlyList<KeyValuePair<string, object?>> Named)
{
    /// <summary>
    /// Matches the arguments with the callee's parameters; one too many or an unknown name is an error that says so.
    /// </summary>
    public BoundArguments Bind(RenderContext context, params string[] parameters)
    {
        if (Positional.Count > parameters.Length)
            throw context.Error($"'{Callee}' takes at most {parameters.Length} arguments, {Positional.Count} were given");
        var values = new object?[parameters.Length];
        Array.Fill(values, BoundArguments.Missing);
        for (var i = 0; i < Positional.Count; i++) values[i] = Positional[i];
        foreach (var (name, value) in Named)
        {
            var at = Array.IndexOf(parameters, name);
            if (at < 0) throw context.Error($"'{Callee}' takes no argument '{name}'");
            if (values[at] != BoundArguments.Missing)
            {
                throw context.Error($"'{Callee}' got the argument '{name}' twice");
            }

            values[at] = value;
        }
        return new(context, Callee, parameters, values);
    }
}

/// <summary>Arguments by the position of their parameter.</summary>
internal sealed class BoundArguments(RenderContext context, string callee, string[] parameters, object?[] values)
{
    public static readonly object Missing = new();

    public bool Has(int index) => values[index] != Missing;

    public object? Value(int index, object? missing = null) => Has(index) ? values[index] : missing;

    public object? Required(int index) =>
        Has(index) ? values[index] : throw context.Error($"'{callee}' needs the argument '{parameters[index]}'");

    public bool Flag(int index, bool missing = false) => Has(index) ? PythonOperators.IsTrue(values[index]) : missing;

    public long Integer(int index, long missing) => Has(index) ? RequiredInteger(index) : missing;

    public long? OptionalInteger(int index) => Value(index) is null ? null : RequiredInteger(index);

    public long RequiredInteger(int index) =>
        PythonOperators.AsInteger(Required(index)) ?? throw Wrong(index, "an integer");

    public Text Text(int index) => Required(index) as Text ?? throw Wrong(index, "a string");

    public Text? OptionalText(int index) => Value(index) is null ? null : Text(index);

    private TemplateException Wrong(int index, string wanted) => context.Error(
        $"'{callee}': '{parameters[index]}' must be {wanted}, not '{PythonOperators.TypeName(values[index])}'");
}
