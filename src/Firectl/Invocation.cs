using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Firectl.Output;
using Firectl.Settings;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;

namespace Firectl;

/// <summary>One run of one verb: its flags, the outside, and the server, once it is asked for.</summary>
internal sealed class Invocation(ParseResult parsed, FirectlContext context) : IDisposable
{
    private ServerConnection? _connection;
    private AccountName? _account;

    public FirectlContext Context => context;

    public bool IsJson => parsed.GetValue(GlobalOptions.Output) == "json";

    public bool IsDryRun => parsed.GetValue(GlobalOptions.DryRun);

    /// <summary>The server to talk to, and the key that belongs to it.</summary>
    public ServerConnection Server => _connection ??= new ServerConnection(Settings(), context);

    public void Dispose() => _connection?.Dispose();

    public T? Value<T>(Option<T> option) => parsed.GetValue(option);

    public T? Value<T>(Argument<T> argument) => parsed.GetValue(argument);

    /// <summary>
    /// The option's value if the user gave it, else null: absence is not the default value on the wire.
    /// </summary>
    public T? Given<T>(Option<T> option)
        where T : struct => parsed.GetResult(option) is { Implicit: false } ? parsed.GetValue(option) : null;

    public bool IsGiven(Option option) => parsed.GetResult(option) is { Implicit: false };

    public ClientSettings Settings() => ClientSettings.Resolve(
        context,
        parsed.GetValue(GlobalOptions.BaseUrl),
        parsed.GetValue(GlobalOptions.ApiKey),
        parsed.GetValue(GlobalOptions.Account),
        parsed.GetValue(GlobalOptions.Profile));

    /// <summary>The account that bare identifiers belong to: configured, else the key's own.</summary>
    public async Task<AccountName> AccountAsync(CancellationToken cancellation)
    {
        if (_account is not null) return _account;
        var text = Server.Settings.Account ?? (await Server.WhoAmIAsync(cancellation)).Account;
        if (!text.Contains('/')) text = $"accounts/{text}";
        return _account = AccountName.TryParse(text, null, out var name)
            ? name
            : throw new ProblemException(Problem.InvalidArgument($"'{text}' is no account: it is accounts/ID or just ID, where ID is {ResourceId.Rule}"));
    }

    /// <summary>
    /// A full resource name from what the user typed: a full name stays, a bare identifier is put into the account.
    /// </summary>
    public async Task<T> NameAsync<T>(string typed, string collection, CancellationToken cancellation)
        where T : class, IParsable<T>
    {
        var text = typed.Contains('/') ? typed : $"{await AccountAsync(cancellation)}/{collection}/{typed}";
        return T.TryParse(text, null, out var name)
            ? name
            : throw new ProblemException(Problem.InvalidArgument($"'{typed}' is no name of {collection}: give an ID ({ResourceId.Rule}) or accounts/ACCOUNT/{collection}/ID"));
    }

    /// <summary>Prints one resource: labelled lines or JSON, from the same record.</summary>
    public Task WriteAsync(JsonObject resource) =>
        context.Output.WriteAsync(IsJson ? JsonOutput.Write(resource) : TextOutput.Write(resource));

    public Task WriteAsync<T>(T resource, JsonTypeInfo<T> type) => WriteAsync(JsonSerializer.SerializeToNode(resource, type)!.AsObject());

    /// <summary>Reads one resource and prints it.</summary>
    public async Task<int> ShowAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken cancellation)
    {
        await WriteAsync(await Server.GetAsync(path, type, cancellation), type);
        return 0;
    }

    /// <summary>Sends a resource and prints what became of it; with <c>--dry-run</c> it only prints the request.</summary>
    public async Task<int> SendAsync<T>(HttpMethod method, string path, T body, JsonTypeInfo<T> type, CancellationToken cancellation)
    {
        if (IsDryRun) return await WriteRequestAsync(method, path, body, type);
        await WriteAsync(await Server.SendAsync(method, path, body, type, type, cancellation), type);
        return 0;
    }

    /// <summary>Deletes a resource; with <c>--dry-run</c> it only prints the request.</summary>
    /// <param name="name">Its full name.</param>
    /// <param name="also">What to say behind it.</param>
    public async Task<int> DeleteAsync(string name, CancellationToken cancellation, string also = "")
    {
        if (IsDryRun) return await WriteRequestAsync(HttpMethod.Delete, $"v1/{name}");
        await Server.DeleteAsync($"v1/{name}", ServerConnection.Type<EmptyResponse>(), cancellation);
        await context.Errors.WriteLineAsync($"Deleted {name}{also}");
        return 0;
    }

    /// <summary>What <c>--dry-run</c> prints instead of sending.</summary>
    public async Task<int> WriteRequestAsync<T>(HttpMethod method, string path, T body, JsonTypeInfo<T> type)
    {
        await WriteRequestAsync(method, path);
        await context.Output.WriteLineAsync(JsonSerializer.Serialize(body, type));
        return 0;
    }

    public async Task<int> WriteRequestAsync(HttpMethod method, string path)
    {
        await context.Output.WriteLineAsync($"{method} {new Uri(Server.Settings.BaseUrl, path)}");
        return 0;
    }
}
