namespace Stoker.ControlPlane.Accounts;

/// <summary>
/// What a user may do, in ascending order; <see cref="RoleTable"/> says it in full.
/// </summary>
public enum Role
{
    InferenceUser,
    Contributor,
    User,
    Admin,
}

/// <summary>Roles as the wire names them.</summary>
public static class RoleNames
{
    public const string Allowed = "admin, user, contributor or inference-user";

    public static string WireName(this Role role) => role switch
    {
        Role.Admin => "admin",
        Role.User => "user",
        Role.Contributor => "contributor",
        _ => "inference-user",
    };

    public static Role? Parse(string? text) => text switch
    {
        "admin" => Role.Admin,
        "user" => Role.User,
        "contributor" => Role.Contributor,
        "inference-user" => Role.InferenceUser,
        _ => null,
    };
}
