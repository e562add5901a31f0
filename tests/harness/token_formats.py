"""What vendors' tokens look like, as their documents say: prefix, alphabet and length, to make tokens of.

In a template ``{A36}`` stands for 36 letters and digits. The alphabets: A letters and digits, L small letters and
digits, U capitals and digits, H hexadecimal, X hexadecimal in capitals, D digits, W letters, digits, ``-`` and
``_``, B base64, S base32, T letters and digits with a capital and a digit at least, and G one UUID.
What stands in ``<…>`` is the secret; without, all of it is.
"""

from __future__ import annotations

import random
import re
import string
import uuid

_HEX = "0123456789abcdef"
_ALPHABETS = {
    "A": string.ascii_letters + string.digits,
    "L": string.ascii_lowercase + string.digits,
    "U": string.ascii_uppercase + string.digits,
    "H": _HEX,
    "X": _HEX.upper(),
    "D": string.digits,
    "W": string.ascii_letters + string.digits + "-_",
    "S": string.ascii_uppercase + "234567",
    "T": "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz",
    "B": string.ascii_letters + string.digits + "+/",
}

FORMATS = r"""
slack-token            xoxb-{D12}-{D12}-{A24}
slack-token            xoxp-{D11}-{D12}-{D12}-{H32}
slack-token            xoxe.xoxp-1-{U163}
slack-token            xapp-1-A{U10}-{D13}-{H64}
slack-webhook          https://hooks.slack.com/services/<T{U10}/B{U10}/{A24}>
slack-webhook          https://hooks.slack.com/workflows/<T{U8}/A{U8}/{D18}/{A24}>
teams-webhook          https://acme.webhook.office.com/<webhookb2/{G}@{G}/IncomingWebhook/{H32}/{G}>
teams-webhook          https://outlook.office.com/webhook/<{G}@{G}/IncomingWebhook/{H32}/{G}>
discord-webhook        https://discord.com/api/webhooks/{D18}/<{W68}>
discord-token          M{A23}.G{A5}.{W38}
discord-token          mfa.{W84}
telegram-token         {D10}:AA{W33}
mattermost-webhook     https://chat.example.com/hooks/<{L26}>
google-chat-webhook    https://chat.googleapis.com/v1/spaces/{A11}/messages?key=<AIza{W35}&token={W43}>
matrix-token           syt_{A12}_{A20}_{A6}
matrix-token           mct_{A30}_{A6}
sendgrid-key           SG.{W22}.{W43}
mailgun-key            key-{H32}
mailchimp-key          {H32}-us{D2}
mandrill-key           md-{A22}
brevo-key              xkeysib-{H64}-{A16}
brevo-key              xsmtpsib-{H64}-{A16}
resend-key             re_{A8}_{A24}
mailersend-token       mlsn.{H64}
klaviyo-key            pk_{H34}
klaviyo-key            pk_{A6}_{H34}
onesignal-key          os_v2_app_{L64}
zapier-webhook         https://hooks.zapier.com/hooks/catch/<{D7}/{L12}>
ifttt-webhook          https://maker.ifttt.com/trigger/alarm/with/key/<{W43}>
tines-webhook          https://acme.tines.com/webhook/{H32}/<{H32}>
pipedream-key          pd_live_{A32}
intercom-token         dG9rO{B55}=
line-token             {B166}/1O/w1cDnyilFU=
github-token           ghp_{A36}
github-token           gho_{A36}
github-token           ghu_{A36}
github-token           ghs_{A36}
github-token           ghr_{A76}
github-token           github_pat_{A22}_{A59}
github-token           v1.{H40}
gitlab-token           glpat-{W20}
gitlab-token           glpat-{A40}.01.{L9}
gitlab-token           gldt-{W20}
gitlab-token           glrt-t1_{W40}
gitlab-token           glcbt-64_{W20}
gitlab-token           glptt-{H40}
gitlab-token           gloas-{H64}
gitlab-token           glagent-{W50}
gitlab-token           glsoat-{W20}
gitlab-token           glft-{W20}
gitlab-token           glimt-{A25}
gitlab-token           glffct-{W20}
gitlab-token           GR1348941{W20}
gitlab-session         _gitlab_session=<{H32}>
bitbucket-token        ATBB{A32}
bitbucket-token        ATCTT3xFfG{W170}={X8}
bitbucket-token        BBDC-{A44}
atlassian-token        ATATT3xFfGF0{W170}={X8}
azure-devops-token     {A76}AZDO{A4}
npm-token              npm_{A36}
pypi-token             pypi-AgEIcHlwaS5vcmc{W120}
rubygems-token         rubygems_{H48}
nuget-key              oy2{L43}
crates-token           cio{A32}
clojars-token          CLOJARS_{H60}
docker-token           dckr_pat_{W27}
docker-token           dckr_oat_{W32}
artifactory-key        AKCp{A69}
artifactory-key        cmVmd{A59}
circleci-token         CCIPAT_{A22}_{H40}
circleci-token         CCIPRJ_{A22}_{H40}
buildkite-token        bkua_{H40}
sonar-token            squ_{H40}
sonar-token            sqp_{H40}
sonar-token            sqco_{A59}
snyk-token             snyk_uat.{H8}.{W60}
sourcegraph-token      sgp_{H16}_{H40}
sourcegraph-token      sgp_local_{H40}
sourcegraph-token      slk_{H64}
stackhawk-key          hawk.{W20}.{W20}
endorlabs-key          endr+{A16}
semgrep-token          sgp_{H64}
infracost-key          ico-{A32}
prefect-key            pnu_{A36}
pulumi-token           pul-{H40}
terraform-token        {A14}.atlasv1.{A67}
harness-key            pat.{W22}.{H24}.{A20}
octopus-key            API-{U26}
launchdarkly-key       sdk-{G}
launchdarkly-key       api-{G}
unleash-token          *:production.{H56}
unleash-token          default:development.{H56}
configcat-key          configcat-sdk-1/{W22}/{W22}
jenkins-token          11{H32}
retool-key             retool_01{L26}
postman-key            PMAK-{H24}-{H34}
readme-key             rdme_x{L69}
figma-token            figd_{W40}
linear-token           lin_api_{A40}
linear-token           lin_oauth_{H64}
notion-token           ntn_{D11}{A35}
notion-token           secret_{A43}
airtable-token         pat{A14}.{H64}
airtable-token         oaa{A14}.v1.{W60}.{H64}
asana-token            1/{D16}:{H32}
asana-token            2/{D16}/{D16}:{H32}
clickup-token          pk_{D8}_{U32}
typeform-token         tfp_{A44}
contentful-token       CFPAT-{W43}
storyblok-token        {A22}tt-{D6}-{W20}
sanity-token           sk{A178}
frameio-token          fio-u-{W64}
mapbox-token           sk.{A80}.{W22}
adafruit-key           aio_{A28}
ubidots-token          BBFF-{A30}
thingsboard-webhook    https://thingsboard.cloud/api/v1/<{A20}>/telemetry
blynk-token            https://blynk.cloud/external/api/get?token=<{W32}>
voiceflow-key          VF.DM.{H24}.{A16}
aws-access-key         AKIA{U16}
aws-access-key         ASIA{U16}
aws-access-key         ABIA{U16}
aws-access-key         AROA{U16}
aws-bedrock-key        ABSK{B128}
aws-bedrock-key        bedrock-api-key-{B60}
aws-session-token      IQoJb3JpZ2luX2Vj{B300}
aws-appsync-key        da2-{L26}
aws-mws-token          amzn.mws.{G}
amazon-oauth           amzn1.oa2-cs.v1.{H64}
amazon-oauth           Atza|{W200}
google-key             AIza{W35}
google-key             GOCSPX-{W28}
google-key             ya29.{W160}
google-key             1//0{W60}
google-key             GOOG1E{U55}
firebase-key           {A11}:APA91b{W134}
firebase-key           AAAA{A7}:{W140}
azure-secret           {A3}8Q~{A34}
azure-key              {B76}+ASt{A6}==
azure-key              {B43}AzSe{A6}==
azure-key              {A52}JQQJ99{A26}
azure-app-config       Endpoint=https://acme.azconfig.io;Id={A4};Secret=<{B43}=>
alibaba-key            LTAI{A20}
tencent-key            AKID{A32}
yandex-key             AQVN{W36}
yandex-key             YCA{W37}
yandex-key             y0_{W56}
digitalocean-token     dop_v1_{H64}
digitalocean-token     doo_v1_{H64}
digitalocean-key       DO00{U16}
linode-token           linode_{H64}
hetzner-token          hcloud_{A64}
scaleway-key           SCW{U17}
scalingo-token         tk-us-{W48}
heroku-key             HRKU-AA{A58}
heroku-key             HRKU-{G}
flyio-token            fo1_{W43}
flyio-token            fm2_{B120}
render-key             rnd_{A28}
vercel-token           vercel_blob_rw_{A16}_{A30}
netlify-token          nfp_{A36}
cloudflare-token       v1.0-{H24}-{H146}
cloudflare-token       cfut_{A40}{H8}
ngrok-token            2{A26}_{A21}
tailscale-key          tskey-auth-{A12}CNTRL-{A32}
tailscale-key          tskey-api-{A12}CNTRL-{A32}
tailscale-key          privkey:{H64}
planetscale-token      pscale_tkn_{W43}
planetscale-token      pscale_pw_{W43}
neon-key               napi_{L64}
neon-password          npg_{A16}
supabase-token         sbp_{H40}
supabase-token         sb_secret_{W31}
mongodb-key            mdb_sa_sk_{W40}
aiven-token            aivenv1{B240}
clickhouse-key         4b1d{A38}
databricks-token       dapi{H32}
databricks-token       dapi{H32}-2
snowflake-token        ver:1-hint:{D12}-ETMsDgAA{B120}
confluent-key          cflt{B60}
elastic-key            essu_{B60}
pinecone-key           pcsk_{A6}_{A63}
openshift-token        sha256~{W43}
rancher-token          token-{L5}:{L54}
rancher-token          K10{H64}::server:{H32}
kubeadm-token          kubeadm join 10.0.0.1:6443 --token <a1{L4}.{L16}>
vault-token            hvs.{W90}
vault-token            hvb.{W140}
vault-token            s.{A24}
consul-boundary-token  at_{A10}_{A90}
doppler-token          dp.pt.{A43}
doppler-token          dp.st.prod.{A43}
doppler-token          dp.ct.{A43}
doppler-token          dp.sa.{A43}
infisical-token        st.{H24}.{H32}.{H32}
onepassword-key        A3-{U6}-{U11}-{U5}-{U5}-{U5}
onepassword-token      ops_eyJ{B250}
bitwarden-token        0.{G}.{A30}:{B22}==
age-key                AGE-SECRET-KEY-1{U58}
okta-token             00a{W39}
authress-key           sc_{A20}.{A5}.acc-{A16}.{A60}
jumpcloud-key          jca_{A36}
maxmind-key            {A6}_{A29}_mmk
salesforce-token       00D{A12}!{A96}
salesforce-key         3MVG9{A80}
salesforce-token       5AEP861{A85}
azure-webhook          https://prod-1.westus.logic.azure.com:443/workflows/{H32}/triggers/manual/paths/invoke?sv=1.0&sig=<{W43}>
grafana-token          glsa_{A32}_{H8}
grafana-token          glc_{B120}
grafana-token          eyJrIjoi{B100}
sentry-token           sntrys_{B120}
sentry-token           sntryu_{H64}
newrelic-key           NRAK-{U27}
newrelic-key           NRII-{A32}
newrelic-key           {H32}FFFFNRAL
newrelic-key           eu01xx{H26}FFFFNRAL
newrelic-key           AA{H40}-NRMA
datadog-key            ddp_{A36}
datadog-key            pub{H32}
dynatrace-token        dt0c01.{U24}.{U64}
dynatrace-token        dt0s16.{U8}.{U64}
honeycomb-key          hcaik_{L58}
posthog-key            phx_{A43}
segment-token          sgp_{A64}
fullstory-key          na1.{B100}
pagerduty-key          u+{A18}
rootly-token           rootly_{H64}
uptimerobot-key        u{D7}-{H24}
healthchecks-key       https://hc-ping.com/<{G}>
langfuse-key           sk-lf-{G}
sentry-dsn             https://<{H32}>@o{D6}.ingest.sentry.io/{D7}
sentry-dsn             https://<{H32}>@sentry.example.com/2
openai-key             sk-{A20}T3BlbkFJ{A20}
openai-key             sk-proj-{W74}T3BlbkFJ{W74}
anthropic-key          sk-ant-api03-{W93}AA
openrouter-key         sk-or-v1-{H64}
huggingface-token      hf_{A34}
huggingface-token      api_org_{A34}
replicate-token        r8_{A37}
groq-key               gsk_{A52}
perplexity-key         pplx-{A48}
xai-key                xai-{A80}
nvidia-key             nvapi-{W64}
elevenlabs-key         sk_{H48}
fireworks-key          fw_{A24}
cerebras-key           csk-{L48}
together-key           tgp_v1_{W43}
tavily-key             tvly-{A32}
langsmith-key          lsv2_pt_{H32}_{H10}
apify-token            apify_api_{A36}
jina-key               jina_{H32}{W28}
voyage-key             pa-{W43}
e2b-key                e2b_{H40}
modal-token            ak-{A22}
stripe-key             sk_live_{A24}
stripe-key             rk_test_{A99}
stripe-key             whsec_{A32}
stripe-key             pi_{A24}_secret_{A25}
square-token           sq0atp-{W22}
square-token           sq0csp-{W43}
square-token           EAAA{W60}
facebook-token         EAACEdEose0cBA{A160}
facebook-token         {D16}|{W27}
instagram-token        IGQVJ{A140}
paypal-token           access_token$production${L16}${H32}
paypal-token           A21AA{W90}
adyen-key              AQEyhmfxK{B60}-{B43}=-{A24}
razorpay-key           rzp_live_{A14}
paystack-key           sk_paystack_{A40}
flutterwave-key        FLWSECK-{H32}-X
flutterwave-key        FLWSECK_TEST-{H32}-X
plaid-token            access-production-{G}
shopify-token          shpat_{H32}
shopify-token          shpss_{H32}
shippo-token           shippo_live_{H40}
easypost-key           EZAK{A54}
duffel-token           duffel_live_{W43}
lob-key                live_{H35}
gocardless-token       live_{W40}
mollie-key             live_{A30}
coinbase-key           organizations/{G}/apiKeys/<{G}>
paddle-key             pdl_live_apikey_{L26}_{A22}_{A3}
monzo-token            mnzconf.{W80}
ramp-token             ramp_sec_{A48}
mercury-token          secret-token:mercury_production_{A40}
pagarme-key            ak_live_{A30}
buildbetter-key        bb_pr_{H30}
flexport-token         shltm_{W40}
fleetbase-key          flb_live_{A20}
freemius-key           sk_{A29}
settlemint-token       sm_pat_{A16}
twilio-key             SK{H32}
twilio-key             AC{H32}
telnyx-key             KEY{X32}_{A22}
dropbox-token          sl.{W135}
dropbox-token          {L11}AAAAAAAAAA{W43}
hubspot-token          pat-na1-{G}
zoho-token             1000.{H32}.{H32}
adobe-secret           p8e-{W32}
twitter-token          AAAAAAAAAAAAAAAAAAAAAA{A90}
twitter-token          {D18}-{T40}
linkedin-token         AQV{W200}
linkedin-secret        WPL_AP1.{A16}.{B6}==
tiktok-token           act.{A70}
twitch-token           oauth:{L30}
spotify-token          BQC{W160}
pubnub-key             sec-c-{B48}
dependency-track-key   odt_{A32}
nightfall-key          NF-{A32}
ionic-token            ion_{L42}
intra42-secret         s-s4t2ud-{H64}
salad-key              salad_cloud_user_{A40}
robinhood-key          rh-api-{G}
dfuse-key              server_{H32}
checkly-key            cu_{H32}
tatum-key              t-{H24}-{H24}
alchemy-url            https://eth-mainnet.g.alchemy.com/v2/<{W32}>
infura-url             https://mainnet.infura.io/v3/<{H32}>
quicknode-url          https://x-y.quiknode.pro/<{H40}>/
jwt                    eyJhbGciOiJIUzI1NiJ9.eyJ{A60}.{W43}
jwt                    ZXlKaGJHY2lPaUpJ{B100}
paseto                 v4.local.{W90}
password-hash          $6${A8}${A86}
password-hash          $6$rounds=5000${A16}${A86}
password-hash          $5${A8}${A43}
password-hash          $apr1${A8}${A22}
password-hash          $1${A8}${A22}
password-hash          $2b$12${A53}
password-hash          $y$j9T${A22}${A43}
password-hash          $argon2id$v=19$m=65536,t=3,p=4${A22}${A43}
password-hash          pbkdf2_sha256$600000${A22}${B43}=
password-hash          {{SHA}}{B27}=
password-hash          SCRAM-SHA-256$4096:{B22}==${B43}=:{B43}=
password-hash          md5{H32}
wireguard-key          PrivateKey = <{B43}=>
ssh-key                b3BlbnNzaC1rZXktdjE{B200}
private-key-base64     LS0tLS1CRUdJTi{B400}
bitcoin-key            xprv9s21ZrQH143K{T96}
otp-url                otpauth://totp/acme:bob?secret=<{S32}>&issuer=acme
"""


def formats() -> list[tuple[str, str]]:
    """The rules and templates."""
    return [(name, template) for name, template in (line.split(None, 1) for line in FORMATS.split("\n") if line)]


def token_of(template: str, rng: random.Random) -> tuple[str, str]:
    """A token of a template, and the secret in it."""

    def made(match: re.Match[str]) -> str:
        if match[0] in ("{{", "}}"):
            return match[0][0]
        kind, count = match[1], int(match[2] or 1)
        if kind == "G":
            return str(uuid.UUID(int=rng.getrandbits(128), version=4))
        if kind == "T":
            return _varied(count, rng)
        return _ended("".join(rng.choices(_ALPHABETS[kind], k=count)), rng)

    text = re.sub(r"\{\{|\}\}|\{([A-Z])(\d*)\}", made, template)
    inner = re.search(r"<(.+)>", text)
    return (text.replace("<", "").replace(">", ""), inner[1]) if inner else (text, text)


def _varied(count: int, rng: random.Random) -> str:
    while True:
        text = "".join(rng.choices(_ALPHABETS["T"], k=count))
        if any(map(str.isdigit, text)) and any(map(str.isupper, text)):
            return text


def _ended(text: str, rng: random.Random) -> str:
    """The text with a letter or digit at both ends, so that it is clear where it ends."""
    if len(text) > 1 and not text[-1].isalnum():
        text = text[:-1] + rng.choice(string.ascii_lowercase)
    return text if text[0].isalnum() else rng.choice(string.ascii_lowercase) + text[1:]
