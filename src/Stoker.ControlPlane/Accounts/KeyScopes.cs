namespace Stoker.ControlPlane.Accounts;

/// <summary>Which of the two surfaces a key opens.</summary>
/// <remarks>
/// Scopes narrow what the key's user may do and never widen it. They are ours: the hosted service knows keys for inference
/// alone, and answers 401 where such a key asks for more; so is the answer here.
/// </remarks>
[Flags]
public enum KeyScopes
{
    None = 0,
    Inference = 1,
    Control = 2,
    All = Inference | Control,
}

/// <summary>Scopes as the wire names them: a list of <c>inference</c>, <c>control</c> or <c>all</c>.</summary>
public static class KeyScopeNames
{
    public const string Allowed = "inference, control or all";

    private const string Inference = "inference";
    private const string Control = "control";
    private const string All = "all";

    public static string WireName(this KeyScopes scopes) => scopes switch
    {
        KeyScopes.Inference => Inference,
        KeyScopes.Control => Control,
        KeyScopes.All => All,
        _ => "none",
    };

    /// <returns>Null for an empty list, and where a name is none.</returns>
    public static KeyScopes? Parse(IReadOnlyList<string?> names)
    {
        var scopes = KeyScopes.None;
        foreach (var name in names)
        {
            if (Parse(name) is not { } scope) return null;
            scopes |= scope;
        }

        return scopes == KeyScopes.None ? null : scopes;
    }

    public static KeyScopes? Parse(string? name) => name switch
    {
        Inference => KeyScopes.Inference,
        Control => KeyScopes.Control,
        All => KeyScopes.All,
        _ => null,
    };
}
