using Stoker.Api.Names;

namespace Stoker.ControlPlane.Serverless;

/// <summary>
/// Who of several accounts is served next: the one that was served least, in tokens of work. A virtual token counter: pure, and of one
/// user at a time.
/// </summary>
/// <remarks>
/// <code>
/// event                                 the account's counter
/// a request comes and none waits        at least that of whoever was served last: an absence is no credit
/// a request gets a place                grows by the prompt and by what its last ones generated on average
/// a request ends                        is corrected to what the request was
/// its last request ends                 is kept while it is ahead: to come and go is no way around it
/// </code>
/// So of two accounts that both wait, neither is ahead by more than what runs at once. Work is counted whole, whatever of a prompt was
/// cached: a hit is luck, and whoever sends the same again has no claim to more.
/// </remarks>
internal sealed class FairShare
{
    /// <summary>Of an account that has none yet. It is corrected at the first end.</summary>
    private const double FirstGuess = 100;

    /// <summary>The weight of the newest answer: some eight answers are remembered.</summary>
    private const double Newest = 1 / 8.0;

    private readonly Dictionary<AccountName, Account> _accounts = [];
    private long _served; // the counter of whoever was served last; never goes back
    private int _requests;

    /// <summary>Accounts that are remembered.</summary>
    public int Count => _accounts.Count;

    public long CounterOf(AccountName account) => _accounts.TryGetValue(account, out var own) ? own.Counter : _served;

    /// <summary>It waits. Asking twice for one ticket changes nothing.</summary>
    public void Enter(FairTicket ticket)
    {
        if (ticket.IsIn) return;
        ticket.IsIn = true;
        if (!_accounts.TryGetValue(ticket.Account, out var own)) _accounts.Add(ticket.Account, own = new());
        if (own.Waiting++ == 0) own.Counter = Math.Max(own.Counter, _served);
        own.Requests++;
        _requests++;
    }

    /// <summary>It has a place; another one, after a replica failed it, costs nothing.</summary>
    public void Charge(FairTicket ticket)
    {
        Enter(ticket);
        if (ticket.Charged is not null) return;
        var own = _accounts[ticket.Account];
        own.Waiting--;
        _served = Math.Max(_served, own.Counter);
        ticket.Charged = ticket.PromptTokens + (long)own.Generates;
        own.Counter += ticket.Charged.Value;
    }

    /// <summary>It is over, whether or not it had a place.</summary>
    /// <param name="promptTokens">Of the request as it was; null where nobody knows: what it was charged stands.</param>
    public void End(FairTicket ticket, long? promptTokens, long generatedTokens)
    {
        if (!ticket.IsIn || !_accounts.TryGetValue(ticket.Account, out var own)) return;
        ticket.IsIn = false;
        if (ticket.Charged is not { } charged)
        {
            own.Waiting--;
        }
        else if (promptTokens is { } prompt)
        {
            own.Counter += prompt + generatedTokens - charged;
            own.Generates += (generatedTokens - own.Generates) * Newest;
        }

        _requests--;
        if (--own.Requests == 0) Forget();
    }

    private void Forget()
    {
        if (_requests == 0) _accounts.Clear(); // nobody is there to be behind
        foreach (var (name, account) in _accounts)
        {
            if (account.Requests == 0 && account.Counter <= _served) _accounts.Remove(name);
        }
    }

    private sealed class Account
    {
        public long Counter { get; set; }

        /// <summary>Waiting and running.</summary>
        public int Requests { get; set; }

        public int Waiting { get; set; }

        /// <summary>Tokens of an answer, on average.</summary>
        public double Generates { get; set; } = FirstGuess;
    }
}
