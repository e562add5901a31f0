r"""The token formats of vendors: one line each. Data only; ``engine.py`` describes how a line is used.

The columns are the rule's name, a check, the pattern in RE2 syntax and the source of the format. A token is delimited:
no letter or digit is right before or after it. If the pattern has a group, that is the secret, and the rest of the
match stays readable. The check ``random`` asks for a value that no one would type as a name: digits, or capitals all
over; ``digit`` asks for a digit and ``-`` for nothing. Two lines may share a name, which is what is switched off.

Where a vendor publishes no format, the source is a public scanner that lists it. Patterns are our own; what is taken
from a source is the format alone: prefix, alphabet and length. A prefix that is an ordinary word needs the full length
or a check, so that ordinary text is not touched.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Vendor", "rows", "vendors"]


class Vendor(NamedTuple):
    """One line of the table."""

    name: str
    check: str
    pattern: str
    source: str


def vendors() -> list[Vendor]:
    """All lines, in the order of the table."""
    return rows(_TABLE)


def rows(table: str) -> list[Vendor]:
    """The lines of a table; columns are separated by blanks."""
    return [Vendor(*line.split()) for line in table.splitlines() if line and not line.startswith("#")]


# The sources given in short: lists that name the format where the vendor's own pages do not.
#   gitleaks    https://github.com/gitleaks/gitleaks/blob/master/config/gitleaks.toml
#   trufflehog  https://github.com/trufflesecurity/trufflehog/tree/main/pkg/detectors
#   kingfisher  https://github.com/mongodb/kingfisher/tree/main/data/rules
_TABLE = r"""
# ---- formats that are no vendor's
jwt                    -      e(?:yJ|woid|wogIC)[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)*          https://www.rfc-editor.org/rfc/rfc7519
jwt                    -      ey[A-Za-z0-9_-]{15,}\.ey[\w/\\-]{15,}(?:\.[\w/\\=-]*)*    https://www.rfc-editor.org/rfc/rfc7519
jwt                    -      ZXlK[A-Za-z0-9+/=_-]{40,}                                    https://www.rfc-editor.org/rfc/rfc7519
paseto                 -      v[1-4]\.(?:local|public)\.[\w-]{30,}(?:\.[\w-]+)?            https://github.com/paseto-standard/paseto-spec
password-hash          -      \$6\$(?:rounds=\d{1,9}\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{86}  https://man7.org/linux/man-pages/man5/crypt.5.html
password-hash          -      \$5\$(?:rounds=\d{1,9}\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{43}  https://man7.org/linux/man-pages/man5/crypt.5.html
password-hash          -      \$(?:apr)?1\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{22}           https://httpd.apache.org/docs/2.4/misc/password_encryptions.html
password-hash          -      \$2[abxy]?\$\d\d\$[./A-Za-z0-9]{53}                          https://man7.org/linux/man-pages/man5/crypt.5.html
password-hash          -      \$(?:y|gy|7)\$[./A-Za-z0-9]{1,20}\$[./A-Za-z0-9]{1,86}\$[./A-Za-z0-9]{43}  https://man7.org/linux/man-pages/man5/crypt.5.html
password-hash          -      \$[89]\$[./A-Za-z0-9]{8,16}\$[./A-Za-z0-9]{43}               https://www.cisco.com/c/en/us/support/docs/security-vpn/remote-authentication-dial-user-service-radius/107614-64.html
password-hash          -      \$argon2(?:id|i|d)\$v=\d+\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]{8,}\$[A-Za-z0-9+/]{16,}  https://github.com/P-H-C/phc-string-format/blob/master/phc-sf-spec.md
password-hash          -      \$(?:scrypt|pbkdf2-sha\d{1,3})\$[^\s$‹›]{1,40}\$[./A-Za-z0-9+]{8,}\$[./A-Za-z0-9+=]{20,}  https://passlib.readthedocs.io/en/stable/modular_crypt_format.html
password-hash          -      pbkdf2_sha(?:1|256|512)\$\d{1,9}\$[A-Za-z0-9+/=]{1,32}\$[A-Za-z0-9+/=]{27,90}  https://docs.djangoproject.com/en/stable/topics/auth/passwords/
password-hash          -      \{S?SHA(?:256|384|512)?\}[A-Za-z0-9+/]{27,}={0,2}            https://openldap.org/doc/admin26/security.html#Password%20Storage
password-hash          -      SCRAM-SHA-256\$\d{3,9}:[A-Za-z0-9+/=]{8,}\$[A-Za-z0-9+/=]{40,}:[A-Za-z0-9+/=]{40,}  https://www.postgresql.org/docs/current/catalog-pg-authid.html
password-hash          -      md5[0-9a-f]{32}                                              https://www.postgresql.org/docs/current/catalog-pg-authid.html
password-hash          -      \$krb5(?:asrep|tgs|pa)\$\d{1,2}\$[^\s"'‹›]{64,}              https://hashcat.net/wiki/doku.php?id=example_hashes
wireguard-key          -      (?:PrivateKey|PresharedKey)\s*=\s*([A-Za-z0-9+/]{43}=)  https://man7.org/linux/man-pages/man8/wg.8.html
ssh-key                -      b3BlbnNzaC1rZXktdjE[A-Za-z0-9+/=]{40,}                       https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.key
private-key-base64     -      LS0tLS1CRUdJTi[A-Za-z0-9+/=]{60,}                            https://www.rfc-editor.org/rfc/rfc7468
bitcoin-key            -      [xyzt]prv[1-9A-HJ-NP-Za-km-z]{107,108}                       https://github.com/bitcoin/bips/blob/master/bip-0032.mediawiki
otp-url                -      otpauth://[ht]otp/[^\s"'<>‹›]{0,200}secret=([A-Za-z2-7]{10,})  https://github.com/google/google-authenticator/wiki/Key-Uri-Format
# ---- chat and e-mail
slack-token            -      xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{10,}                    https://docs.slack.dev/authentication/tokens
slack-token            -      xapp-\d{1,3}-[A-Za-z0-9-]{10,}                               https://docs.slack.dev/authentication/tokens
slack-webhook          -      hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/([\w+/=-]{8,})  https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
teams-webhook          -      webhook\.office\.com/([^\s"'<>‹›\\]{8,})                     https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook
teams-webhook          -      outlook\.office\.com/webhook/([^\s"'<>‹›\\]{8,})             https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook
discord-webhook        -      discord(?:app)?\.com/api(?:/v\d{1,3})?/webhooks/\d{5,25}/([\w-]{20,})  https://discord.com/developers/docs/resources/webhook
discord-token          random [MNO][\w-]{23,27}\.[\w-]{6}\.[\w-]{27,45}                    https://discord.com/developers/docs/reference#authentication
discord-token          -      mfa\.[\w-]{84}                                               kingfisher:discord
telegram-token         -      (?:bot)?\d{5,16}:A[\w-]{34}                                  https://core.telegram.org/bots/api#authorizing-your-bot
mattermost-webhook     -      hooks/([a-z0-9]{26})                                         https://developers.mattermost.com/integrate/webhooks/incoming/
google-chat-webhook    -      chat\.googleapis\.com/v1/spaces/[\w-]+/messages\?key=([\w%&=-]{20,})  https://developers.google.com/workspace/chat/quickstart/webhooks
matrix-token           -      sy[tr]_[A-Za-z0-9+/=]{1,255}_[A-Za-z0-9]{20}_[A-Za-z0-9]{6}  https://github.com/element-hq/synapse/blob/develop/synapse/handlers/auth.py
matrix-token           -      m[ac][tr]_[A-Za-z0-9]{20,40}_[A-Za-z0-9]{6}                  https://github.com/element-hq/matrix-authentication-service
sendgrid-key           -      SG\.[\w-]{16,}\.[\w=-]{16,}                                  https://www.twilio.com/docs/sendgrid/ui/account-and-settings/api-keys
sendgrid-key           random SG\.[\w=.-]{66}                                              gitleaks:sendgrid-api-token
mailgun-key            -      (?:pub)?key-[0-9a-z]{32}                                     trufflehog:mailgun
mailchimp-key          -      [0-9a-f]{32}-us\d{1,2}                                       https://mailchimp.com/developer/marketing/guides/quick-start/
mandrill-key           random md-[A-Za-z0-9_-]{22}                                         https://mailchimp.com/developer/transactional/docs/fundamentals/
brevo-key              -      x(?:key|smtp)sib-[0-9a-f]{64}-[A-Za-z0-9]{16}                https://developers.brevo.com/docs/getting-started
resend-key             -      re_[A-Za-z0-9]{8}_[A-Za-z0-9]{24}                            https://resend.com/docs/api-reference/introduction
mailersend-token       -      mlsn\.[0-9a-f]{64}                                           https://developers.mailersend.com/general.html
klaviyo-key            -      pk_[0-9a-f]{34}                                              https://developers.klaviyo.com/en/docs/retrieve_api_credentials
klaviyo-key            -      pk_[A-Za-z0-9]{6}_[0-9a-f]{34}                               trufflehog:klaviyo
onesignal-key          -      os_v2_(?:app|org)_[a-z0-9]{50,}                              https://documentation.onesignal.com/docs/en/keys-and-ids
zapier-webhook         -      hooks\.zapier\.com/hooks/catch/([A-Za-z0-9/]{12,})           trufflehog:zapierwebhook
zapier-webhook         -      hooks\.zapier\.com/hooks/standard/([A-Za-z0-9/]{12,})        trufflehog:zapierwebhook
ifttt-webhook          -      maker\.ifttt\.com/trigger/\w{1,80}/(?:json/)?with/key/([\w-]{20,})  https://ifttt.com/maker_webhooks
tines-webhook          -      tines\.(?:com|io)/webhook/[0-9a-z]{32}/([0-9a-z]{32})        trufflehog:tineswebhook
pipedream-key          -      pd_(?:live|test)_[A-Za-z0-9]{20,}                            https://pipedream.com/docs/rest-api/auth
intercom-token         random dG9rO[A-Za-z0-9+/=]{50,}                                     https://developers.intercom.com/docs/build-an-integration/learn-more/authentication
line-token             random [A-Za-z0-9+/]{150,}/?1O/w1cDnyilFU=                          https://developers.line.biz/en/docs/basics/channel-access-token/
# ---- source, builds and packages
github-token           -      gh[pousr]_[A-Za-z0-9]{36,}                                   https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/
github-token           -      github_pat_\w{22,}                                           https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github
github-token           -      v[12]\.[0-9a-f]{40}                                          https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/
gitlab-token           -      gl(?:pat|ptt|dt|rt|rtr|cbt|soat|ft|imt|agent|oas|ffct|wt)-[\w.=-]{20,}  https://docs.gitlab.com/security/tokens/
gitlab-token           -      GR1348941[\w-]{20}                                           https://docs.gitlab.com/security/tokens/
gitlab-session         -      _gitlab_session=([0-9a-z]{32})                               https://docs.gitlab.com/security/tokens/
bitbucket-token        -      ATBB[A-Za-z0-9_=.-]{24,}                                     https://support.atlassian.com/bitbucket-cloud/docs/app-passwords/
bitbucket-token        -      ATCTT3[\w=-]{50,}                                            trufflehog:bitbucketdatacenter
bitbucket-token        random BBDC-[A-Za-z0-9+/@_-]{40,50}                                 trufflehog:bitbucketdatacenter
atlassian-token        -      AT(?:A|O|S)TT3[\w=-]{50,}                                    https://support.atlassian.com/atlassian-account/docs/manage-api-tokens-for-your-atlassian-account/
azure-devops-token     -      [A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}                            https://learn.microsoft.com/en-us/azure/devops/organizations/accounts/use-personal-access-tokens-to-authenticate
npm-token              -      npm_[A-Za-z0-9]{36,}                                         https://github.blog/changelog/2021-09-23-npm-has-a-new-access-token-format/
pypi-token             -      pypi-AgE[\w-]{16,}                                           https://pypi.org/help/#apitoken
rubygems-token         -      rubygems_[0-9a-z]{42,52}                                     https://guides.rubygems.org/api-key-scopes/
nuget-key              -      oy2[a-z0-9]{43}                                              https://learn.microsoft.com/en-us/nuget/nuget-org/scoped-api-keys
crates-token           -      cio[A-Za-z0-9]{32}                                           https://github.com/rust-lang/crates.io/blob/main/src/util/token.rs
clojars-token          -      CLOJARS_[A-Za-z0-9]{60}                                      https://github.com/clojars/clojars-web/wiki/Deploy-Tokens
docker-token           -      dckr_(?:pat|oat)_[\w-]{27,}                                  https://docs.docker.com/security/access-tokens/
artifactory-key        -      AKC[A-Za-z0-9]{64,74}                                        https://jfrog.com/help/r/jfrog-platform-administration-documentation/api-key
artifactory-key        -      cmVmd[A-Za-z0-9]{59}                                         https://jfrog.com/help/r/jfrog-platform-administration-documentation/reference-token
circleci-token         -      CCIP(?:AT|RT|RJ)_[A-Za-z0-9]{22}_[0-9A-Fa-f]{40}                    https://circleci.com/docs/managing-api-tokens/
circleci-token         -      CCIP(?:AT|RT|RJ)_[A-Za-z0-9]{20,24}_[A-Za-z0-9]{40}                 kingfisher:circleci
buildkite-token        -      bk(?:u|o)?a_[a-z0-9]{40}                                     https://buildkite.com/docs/apis/managing-api-tokens
sonar-token            -      sq[apu]_[0-9a-z]{40}                                         https://docs.sonarsource.com/sonarqube-server/user-guide/managing-tokens
sonar-token            -      sqco_[A-Za-z0-9]{59}                                         trufflehog:sonarcloud
snyk-token             -      snyk_(?:uat|sat|pat)\.[0-9a-f]{8}\.[\w.-]{40,}               https://docs.snyk.io/getting-started/how-to-obtain-and-authenticate-with-your-snyk-api-token
sourcegraph-token      -      sgp_(?:(?:[0-9a-fA-F]{16}|local)_)?[0-9a-fA-F]{40}           https://sourcegraph.com/docs/cli/how-tos/creating_an_access_token
sourcegraph-token      -      sl[ku]_[0-9a-f]{64}                                          kingfisher:sourcegraph
stackhawk-key          random hawk\.[\w-]{20}\.[\w-]{20}                                   https://docs.stackhawk.com/apidocs.html
endorlabs-key          -      endr\+[A-Za-z0-9-]{16}                                       trufflehog:endorlabs
semgrep-token          -      sgp_[0-9a-f]{64}                                             https://semgrep.dev/docs/semgrep-appsec-platform/tokens
infracost-key          -      ico-[A-Za-z0-9]{32}                                          https://www.infracost.io/docs/integrations/environment_variables/
prefect-key            -      pn[ub]_[A-Za-z0-9]{36}                                       https://docs.prefect.io/v3/how-to-guides/cloud/manage-users/api-keys
pulumi-token           -      pul-[0-9a-z]{40}                                             https://www.pulumi.com/docs/pulumi-cloud/access-management/access-tokens/
terraform-token        -      [A-Za-z0-9]{14}\.atlasv1\.[\w=-]{60,}                        https://developer.hashicorp.com/terraform/cloud-docs/users-teams-organizations/api-tokens
harness-key            random (?:pat|sat)\.[\w-]{22}\.[0-9A-Za-z]{24}\.[0-9A-Za-z]{20}     https://developer.harness.io/docs/platform/automation/api/add-and-manage-api-keys/
octopus-key            random API-[A-Z0-9]{26,32}                                          https://octopus.com/docs/octopus-rest-api/how-to-create-an-api-key
unleash-token          -      [*\w-]{1,40}:(?:production|development|staging|test|default|prod|dev)\.[0-9a-f]{56}                  https://docs.getunleash.io/reference/api-tokens-and-client-keys
configcat-key          -      configcat-sdk-\d/[\w-]{22}/[\w-]{22}                         https://configcat.com/docs/sdk-reference/overview/
jenkins-token          -      11[0-9a-f]{32}                                               https://www.jenkins.io/doc/book/using/remote-access-api/
retool-key             -      retool_[0-9a-z]{26,}                                         https://docs.retool.com/reference/api/v2
postman-key            -      PMAK-[0-9A-Za-z]{24}-[0-9A-Za-z]{34}                         https://learning.postman.com/docs/developer/postman-api/authentication/
postman-key            -      PMAT-[0-9A-Z]{26}                                            https://learning.postman.com/docs/collaborating-in-postman/sharing/
readme-key             -      rdme_[0-9a-z]{70}                                            https://docs.readme.com/main/reference/intro/authentication
figma-token            -      fig[dopur]{1,2}_[\w=-]{40,}                                  https://www.figma.com/developers/api#access-tokens
linear-token           -      lin_(?:api|oauth)_[A-Za-z0-9]{40,64}                         https://linear.app/developers/graphql
linear-token           -      lin_wh_[A-Za-z0-9]{30,}                                      https://linear.app/developers/webhooks
notion-token           -      ntn_[A-Za-z0-9]{40,}                                         https://developers.notion.com/page/changelog
notion-token           -      secret_[A-Za-z0-9]{43}                                       https://developers.notion.com/reference/authentication
airtable-token         -      pat[A-Za-z0-9]{14}\.[0-9a-z]{62,66}                          https://airtable.com/developers/web/guides/personal-access-tokens
airtable-token         -      [A-Za-z0-9]{10,}\.v1\.[\w-]{10,}\.[0-9a-f]{40,}              https://airtable.com/developers/web/guides/oauth-integrations
asana-token            -      [0-2]/\d{10,16}(?:/\d{10,16})?:[0-9a-f]{32}                   https://developers.asana.com/docs/personal-access-token
clickup-token          -      pk_\d{6,10}_[0-9A-Z]{32}                                     https://developer.clickup.com/docs/authentication
typeform-token         -      tfp_[\w.=-]{40,}                                             https://www.typeform.com/developers/get-started/personal-access-token/
contentful-token       -      CFPAT-[\w-]{43}                                              https://www.contentful.com/developers/docs/references/authentication/
storyblok-token        -      [A-Za-z0-9]{22}tt-\d{5,8}-[\w-]{20,}                         https://www.storyblok.com/docs/api/management
sanity-token           random sk[A-Za-z0-9]{178}                                           https://www.sanity.io/docs/content-lake/http-auth
frameio-token          -      fio-u-[\w=-]{64}                                             https://developer.frame.io/docs/getting-started/authentication
mapbox-token           random [st]k\.[A-Za-z0-9+/=-]{32,128}\.[\w+/=-]{20,30}              https://docs.mapbox.com/help/dive-deeper/access-tokens/
adafruit-key           -      aio_[A-Za-z0-9]{28}                                          https://io.adafruit.com/api/docs/#authentication
ubidots-token          -      BBFF-[0-9A-Za-z]{30}                                         https://docs.ubidots.com/reference/authentication
thingsboard-webhook    -      thingsboard\.cloud/api/v1/([A-Za-z0-9]{20})                  https://thingsboard.io/docs/reference/http-api/
blynk-token            -      blynk\.cloud/(?:external/)?api/[\w/]{1,40}\?token=([\w-]{32})  https://docs.blynk.io/en/blynk.cloud/device-https-api
voiceflow-key          -      VF\.(?:(?:DM|WS)\.)?[0-9a-fA-F]{24}\.[A-Za-z0-9]{16}         https://docs.voiceflow.com/reference/authentication
# ---- clouds, hosting and networks
aws-access-key         -      (?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16}              https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
aws-access-key         -      (?:AGPA|AIDA|AROA|AIPA|ANPA|ANVA|APKA|ASCA)[A-Z0-9]{16}      https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
aws-bedrock-key        -      ABSK[A-Za-z0-9+/]{109,269}={0,2}                             https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html
aws-bedrock-key        -      bedrock-api-key-[A-Za-z0-9+/=]{20,}                          https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html
aws-session-token      random (?:IQoJb3JpZ2lu|FwoGZXIvYXdz|FQoGZXIvYXdz)[A-Za-z0-9+/=]{80,}  https://docs.aws.amazon.com/STS/latest/APIReference/API_Credentials.html
aws-appsync-key        -      da2-[a-z0-9]{26}                                             https://docs.aws.amazon.com/appsync/latest/devguide/security-authz.html
aws-mws-token          -      amzn\.mws\.[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}  https://docs.developer.amazonservices.com/
amazon-oauth           -      amzn1\.oa2-cs\.v1\.[0-9a-f]{64}                              https://developer.amazon.com/docs/login-with-amazon/security-profile.html
amazon-oauth           -      Atz[ar]\|[\w=/+-]{50,}                                       https://developer.amazon.com/docs/login-with-amazon/access-token.html
google-key             -      AIza[\w-]{35,}                                               https://cloud.google.com/docs/authentication/api-keys
google-key             -      GOCSPX-[\w-]{20,}                                            https://developers.google.com/identity/protocols/oauth2
google-key             -      ya29\.[\w-]{20,}                                             https://cloud.google.com/docs/authentication/token-types
google-key             random 1//0[\w-]{40,}                                               https://developers.google.com/identity/protocols/oauth2
google-key             random 4/0A[\w-]{40,}                                               https://developers.google.com/identity/protocols/oauth2
google-key             random GOOG[A-Z0-9]{20,60}                                          https://cloud.google.com/storage/docs/authentication/hmackeys
firebase-key           -      [\w-]{11}:APA91b[\w-]{100,}                                  https://firebase.google.com/docs/cloud-messaging/manage-tokens
firebase-key           -      AAAA[\w-]{7}:[\w-]{140}                                      https://firebase.google.com/docs/cloud-messaging/auth-server
azure-secret           random [\w.~-]{3}\dQ~[\w.~-]{31,34}                                 https://learn.microsoft.com/en-us/entra/identity-platform/howto-create-service-principal-portal
azure-key              -      [A-Za-z0-9+/]{76}\+?AS?t[A-Za-z0-9+/]{5,8}==                 https://learn.microsoft.com/en-us/azure/storage/common/storage-account-keys-manage
azure-key              -      [A-Za-z0-9+/]{42,76}(?:AzSe|\+ASt|\+ACR|\+ABa|\+AEh|\+ARm|\+AMC|AzCa|ACDb|AzFu|APIM|\+AIoT|AIoT)[A-Za-z0-9+/]{4,7}={0,2}  https://learn.microsoft.com/en-us/purview/sit-defn-all-credentials
azure-key              -      [A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{26}                         https://learn.microsoft.com/en-us/purview/sit-defn-all-credentials
azure-app-config       -      azconfig\.io;Id=[^;\s]{4,80};Secret=([A-Za-z0-9+/=]{36,})    https://learn.microsoft.com/en-us/azure/azure-app-configuration/
alibaba-key            -      LTAI[A-Za-z0-9]{12,24}                                       https://www.alibabacloud.com/help/en/ram/user-guide/create-an-accesskey-pair
tencent-key            random AKID[A-Za-z0-9]{32}                                          https://www.tencentcloud.com/document/product/598/34228
yandex-key             -      AQVN[\w-]{35,38}                                             https://yandex.cloud/en/docs/iam/concepts/authorization/api-key
yandex-key             random YC[A-Z][\w-]{37}                                             https://yandex.cloud/en/docs/iam/concepts/authorization/access-key
yandex-key             -      t1\.[\w-]+={0,2}\.[\w-]{86}={0,2}                            https://yandex.cloud/en/docs/iam/concepts/authorization/iam-token
yandex-key             -      y[0-3]_[\w-]{55,58}                                          https://yandex.cloud/en/docs/iam/concepts/authorization/oauth-token
digitalocean-token     -      do[opr]_v1_[0-9a-f]{64}                                      https://docs.digitalocean.com/reference/api/create-personal-access-token/
digitalocean-key       random DO00[A-Z0-9]{16}                                             https://docs.digitalocean.com/products/spaces/how-to/manage-access/
linode-token           -      linode_[0-9a-f]{64}                                          https://techdocs.akamai.com/linode-api/reference/get-started
hetzner-token          -      hcloud_[A-Za-z0-9]{64}                                       https://docs.hetzner.cloud/
scaleway-key           -      SCW[A-Z0-9]{17}                                              https://www.scaleway.com/en/docs/iam/how-to/create-api-keys/
scalingo-token         -      tk-us-[\w-]{48}                                              https://developers.scalingo.com/authentication
heroku-key             -      HRKU-[\w-]{36,62}                                            https://devcenter.heroku.com/articles/authentication
flyio-token            -      fo1_[\w-]{43}                                                https://fly.io/docs/security/tokens/
flyio-token            -      fm[12][ar]?_[A-Za-z0-9+/]{80,}={0,3}                         https://fly.io/docs/security/tokens/
render-key             -      rnd_[A-Za-z0-9]{28,}                                         https://render.com/docs/api
vercel-token           -      vercel_blob_rw_[A-Za-z0-9]{16}_[A-Za-z0-9]{30,}              https://vercel.com/docs/vercel-blob
netlify-token          -      nf[pcuo]_[A-Za-z0-9]{36,}                                    https://docs.netlify.com/api/get-started/
cloudflare-token       -      v1\.0-[0-9a-f]{24}-[0-9a-f]{146}                             https://developers.cloudflare.com/fundamentals/api/get-started/ca-keys/
cloudflare-token       -      cf(?:[ua]t|k)_[A-Za-z0-9]{40}[0-9a-f]{8}                     trufflehog:cloudflareapitoken
ngrok-token            random 2[A-Za-z0-9]{26}_[A-Za-z0-9]{20,}                            https://ngrok.com/docs/agent/#authtokens
tailscale-key          -      tskey-(?:[a-z]{2,12}-)?[A-Za-z0-9]{6,}-[A-Za-z0-9]{8,}       https://tailscale.com/kb/1277/key-prefixes
tailscale-key          -      (?:privkey|nlpriv|tlpriv):[0-9a-f]{64}  https://github.com/tailscale/tailscale/blob/main/types/key/node.go
planetscale-token      -      pscale_(?:tkn|oauth|pw|otkn)_[\w=.-]{32,}                    https://planetscale.com/docs/concepts/service-tokens
neon-key               -      napi_[a-z0-9]{60,}                                           https://neon.com/docs/manage/api-keys
neon-password          -      npg_[A-Za-z0-9]{10,}                                         https://neon.com/docs/connect/connect-from-any-app
supabase-token         -      sbp_(?:oauth_)?[0-9a-z]{40}                                  https://supabase.com/docs/reference/api/introduction
supabase-token         -      sb_(?:secret|publishable)_[\w-]{22,}                         https://supabase.com/docs/guides/api/api-keys
mongodb-key            -      mdb_sa_sk_[\w-]{40}                                          https://www.mongodb.com/docs/atlas/api/service-accounts-overview/
aiven-token            -      aivenv1[A-Za-z0-9+/=]{100,}                                  https://aiven.io/docs/platform/concepts/authentication-tokens
clickhouse-key         -      4b1d[A-Za-z0-9]{38}                                          https://clickhouse.com/docs/cloud/manage/openapi
databricks-token       -      d(?:api|kea|ose|svc)[0-9a-f]{32}(?:-\d{1,2})?                https://docs.databricks.com/aws/en/dev-tools/auth/pat
snowflake-token        random ver:\d{1,2}-hint:\d{4,}-ETMsDgAA[A-Za-z0-9+/=]{50,}          https://docs.snowflake.com/en/user-guide/programmatic-access-tokens
confluent-key          -      cflt[A-Za-z0-9+/]{60}                                        https://docs.confluent.io/cloud/current/security/authenticate/workload-identities/service-accounts/api-keys/
elastic-key            -      essu_[A-Za-z0-9+/=]{40,}                                     https://www.elastic.co/docs/deploy-manage/api-keys
pinecone-key           -      pcsk_[A-Za-z0-9]{4,8}_[A-Za-z0-9]{60,}                       https://docs.pinecone.io/guides/projects/manage-api-keys
openshift-token        -      sha256~[\w-]{43}                                             https://docs.redhat.com/en/documentation/openshift_container_platform/
rancher-token          -      (?:token|kubeconfig-u)-[a-z0-9]{5,24}:[a-z0-9]{54}           https://ranchermanager.docs.rancher.com/api/api-tokens
kubeadm-token          digit  --(?:discovery-)?token[=\s]([a-z0-9]{6}\.[a-z0-9]{16})  https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/
rancher-token          -      K10[0-9a-f]{64}::[\w.-]{1,40}:[0-9A-Za-z]{16,}               https://docs.k3s.io/cli/token
vault-token            -      hv[sbr]\.[\w-]{20,}                                          https://developer.hashicorp.com/vault/docs/concepts/tokens
vault-token            random [sbr]\.[A-Za-z0-9]{24}                                       https://developer.hashicorp.com/vault/docs/concepts/tokens
vault-token            random s\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{5}                           https://developer.hashicorp.com/vault/docs/concepts/tokens
consul-boundary-token  -      at_[A-Za-z0-9]{10}_[A-Za-z0-9]{40,}                          https://developer.hashicorp.com/boundary/docs/concepts/security/permissions
doppler-token          -      dp\.(?:ct|pt|sa|scim|audit|said)\.[A-Za-z0-9]{40,44}         https://docs.doppler.com/reference/auth-token-formats
doppler-token          -      dp\.st\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44}            https://docs.doppler.com/reference/auth-token-formats
infisical-token        -      st\.[0-9a-f]{24}\.[0-9a-f]{32}\.[0-9a-f]{32}                 https://infisical.com/docs/documentation/platform/token
onepassword-key        -      A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}  https://support.1password.com/secret-key-security/
onepassword-token      -      ops_eyJ[A-Za-z0-9+/]{60,}={0,3}                              https://developer.1password.com/docs/service-accounts/security/
bitwarden-token        -      0\.[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\.[A-Za-z0-9]{30}:[A-Za-z0-9+/=]{24}  https://bitwarden.com/help/access-tokens/
age-key                -      (?i)AGE-SECRET-KEY-(?:PQ-)?1[0-9A-Z]{58,}                    https://github.com/C2SP/C2SP/blob/main/age.md
okta-token             random 00[A-Za-z][\w-]{39}                                          https://developer.okta.com/docs/guides/create-an-api-token/
authress-key           -      (?:sc|ext|scauth|authress)_[A-Za-z0-9]{5,30}\.[A-Za-z0-9]{4,6}\.acc[_-][A-Za-z0-9-]{10,32}\.[A-Za-z0-9+/_=-]{30,}  https://authress.io/knowledge-base/docs/authorization/service-clients/
jumpcloud-key          -      jca_[A-Za-z0-9]{36,}                                         https://jumpcloud.com/support/jumpcloud-apis1
maxmind-key            -      [A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk                           https://dev.maxmind.com/release-note/new-license-key-format/
salesforce-token       -      00[A-Za-z0-9]{13}![\w.]{80,}                                 https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/quickstart_oauth.htm
salesforce-key         random 3MVG9[\w.+/=]{80,251}                                        trufflehog:salesforceoauth2
salesforce-token       random 5AEP861[\w.=]{80,}                                           trufflehog:salesforcerefreshtoken
azure-webhook          -      logic\.azure\.com(?::443)?/workflows/[0-9a-f]{32}/[^\s"'<>]{0,200}sig=([\w%-]{20,})  https://learn.microsoft.com/en-us/azure/logic-apps/logic-apps-securing-a-logic-app
# ---- observability
grafana-token          -      glsa_[A-Za-z0-9]{32}_[0-9A-Fa-f]{8}                          https://grafana.com/docs/grafana/latest/administration/service-accounts/
grafana-token          -      glc_[A-Za-z0-9+/]{32,}={0,3}                                 https://grafana.com/docs/grafana-cloud/account-management/authentication-and-permissions/access-policies/
grafana-token          -      eyJrIjoi[A-Za-z0-9+/_-]{40,}={0,3}                           https://grafana.com/docs/grafana/latest/administration/api-keys/
sentry-token           -      sntry[a-z]_[\w+/=-]{20,}                                     https://docs.sentry.io/account/auth-tokens/
newrelic-key           -      NR(?:AK|IQ|AA|II|BR|RA|JS|SP|AL)-[\w-]{15,}                  https://docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys/
newrelic-key           -      (?:[0-9a-f]{32}|(?:eu|us|gov|ap)\d\dxx[0-9a-f]{26})(?:FFFF)?NRAL  https://docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys/
newrelic-key           -      (?:AA[0-9a-f]{40}|(?:eu|us)\d\dxx[0-9a-f]{36})-NRMA          trufflehog:newrelicpersonalapikey
datadog-key            -      dd[apw]_[A-Za-z0-9]{34,36}                                   https://docs.datadoghq.com/account_management/api-app-keys/
datadog-key            -      pub[0-9a-f]{32}                                              https://docs.datadoghq.com/account_management/api-app-keys/#client-tokens
dynatrace-token        -      dt0[a-z]\d\d\.[A-Za-z0-9]{8,24}\.[A-Za-z0-9]{64}             https://docs.dynatrace.com/docs/manage/identity-access-management/access-tokens-and-oauth-clients/access-tokens
honeycomb-key          -      hc[a-z]{2}k_[a-z0-9]{26,}                           https://docs.honeycomb.io/configure/environments/manage-api-keys/
posthog-key            -      ph[cxs]_[A-Za-z0-9_]{32,}                                    https://posthog.com/docs/api
segment-token          -      sgp_[A-Za-z0-9]{64}                                          https://docs.segmentapis.com/tag/Getting-Started
fullstory-key          random na1\.[A-Za-z0-9+/]{60,}                                      https://developer.fullstory.com/server/v1/authentication/
pagerduty-key          random u\+[A-Za-z0-9_+-]{18}                                        https://support.pagerduty.com/main/docs/api-access-keys
rootly-token           -      rootly_[0-9a-f]{64}                                          https://docs.rootly.com/api-reference/overview
uptimerobot-key        -      [um]\d{5,9}-[0-9a-f]{24,32}                                  https://uptimerobot.com/api/
healthchecks-key       -      hc-ping\.com/([0-9a-f-]{36}|[\w-]{22}/[\w-]+)                https://healthchecks.io/docs/http_api/
sentry-dsn             -      ([0-9a-f]{32}(?::[0-9a-f]{32})?)@(?:o\d+\.)?(?:[\w-]+\.)*(?:sentry\.io|sentry\.[\w.-]+|ingest\.[\w.-]+)/\d+ https://docs.sentry.io/concepts/key-terms/dsn-explainer/
# ---- artificial intelligence
anthropic-key          -      sk-ant-[\w-]{16,}                                            https://docs.claude.com/en/api/overview
openrouter-key         -      sk-or-v1-[0-9a-f]{64}                                        https://openrouter.ai/docs/api-reference/authentication
huggingface-token      -      hf_[A-Za-z0-9]{30,}                                          https://huggingface.co/docs/hub/security-tokens
huggingface-token      -      api_org_[A-Za-z0-9]{34}                                      https://huggingface.co/docs/hub/security-tokens
replicate-token        -      r8_[\w-]{37,40}                                              https://replicate.com/docs/reference/http#authentication
groq-key               -      gsk_[A-Za-z0-9]{52}                                          https://console.groq.com/docs/quickstart
perplexity-key         -      pplx-[A-Za-z0-9]{48,}                                        https://docs.perplexity.ai/getting-started/quickstart
xai-key                -      xai-[\w]{80}                                                 https://docs.x.ai/docs/api-reference
nvidia-key             -      nvapi-[\w-]{60,70}                                           https://docs.nvidia.com/ngc/latest/ngc-user-guide.html
elevenlabs-key         -      sk_[0-9a-f]{48}                                              https://elevenlabs.io/docs/api-reference/authentication
fireworks-key          -      fw_[A-Za-z0-9]{22,}                                          https://docs.fireworks.ai/api-reference/introduction
cerebras-key           -      csk-[a-z0-9]{48}                                             https://inference-docs.cerebras.ai/quickstart
together-key           -      tgp_v1_[\w-]{43}                                             https://docs.together.ai/docs/quickstart
tavily-key             -      tvly-(?:dev-|prod-)?[A-Za-z0-9]{32,}                         https://docs.tavily.com/documentation/api-reference/introduction
langsmith-key          -      lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}                     https://docs.langchain.com/langsmith/create-account-api-key
apify-token            -      apify_api_[A-Za-z0-9-]{30,40}                                https://docs.apify.com/platform/integrations/api
jina-key               -      jina_[0-9a-f]{32}[\w-]{20,}                                  https://jina.ai/embeddings/
voyage-key             -      pa-[A-Za-z0-9_-]{43}                                         https://docs.voyageai.com/docs/api-key-and-installation
e2b-key                -      e2b_[0-9a-f]{40}                                             https://e2b.dev/docs/api-key
modal-token            -      a[ks]-[A-Za-z0-9]{22}                                        https://modal.com/docs/reference/modal.config
langfuse-key           -      [sp]k-lf-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}  https://langfuse.com/docs/api
openai-key             digit  sk-[A-Za-z0-9_][\w-]{19,}                                    https://platform.openai.com/docs/api-reference/authentication
# ---- payments and shops
stripe-key             -      [sr]k_(?:test|live|prod)_[A-Za-z0-9_-]{10,}                  https://docs.stripe.com/keys
stripe-key             -      whsec_[A-Za-z0-9+/]{20,}={0,2}                               https://docs.stripe.com/webhooks
stripe-key             -      pi_[A-Za-z0-9]{14,32}_secret_[A-Za-z0-9]{20,}                https://docs.stripe.com/api/payment_intents/object
square-token           -      (?:sandbox-)?sq0[a-z]{3}-[\w-]{22,60}                        https://developer.squareup.com/docs/build-basics/access-tokens
square-token           random EAAA[\w-]{56,64}                                             https://developer.squareup.com/docs/build-basics/access-tokens
square-token           random EAAA[\w-]{22,55}                                             gitleaks:square-access-token
facebook-token         random EAA[A-Za-z][A-Za-z0-9]{90,}                                  https://developers.facebook.com/docs/facebook-login/guides/access-tokens
facebook-token         -      \d{15,16}\|[\w-]{27,40}                                      https://developers.facebook.com/docs/facebook-login/guides/access-tokens
facebook-token         -      \d{15,16}%7C[\w-]{27,40}                                     https://developers.facebook.com/docs/facebook-login/guides/access-tokens
instagram-token        random IG(?:QV|AA)[A-Za-z0-9_-]{100,}                               https://developers.facebook.com/docs/instagram-platform
paypal-token           -      access_token\$(?:production|sandbox)\$[0-9a-z]{16}\$[0-9a-f]{32}  https://developer.paypal.com/braintree/docs/guides/authorization/access-token
paypal-token           random A21AA[\w-]{70,}                                              https://developer.paypal.com/api/rest/authentication/
adyen-key              random AQE[A-Za-z0-9][A-Za-z0-9+/]{40,}[^\s"'‹›]{20,}               https://docs.adyen.com/development-resources/api-credentials/
razorpay-key           -      rzp_(?:live|test)_[A-Za-z0-9]{14,}                           https://razorpay.com/docs/payments/dashboard/account-settings/api-keys/
paystack-key           -      sk_[a-z]{3,20}_[A-Za-z0-9]{40}                               https://paystack.com/docs/api/authentication/
flutterwave-key        -      FLW(?:SEC|PUB)K(?:_TEST)?-[0-9a-zA-Z]{12,32}(?:-X)?          https://developer.flutterwave.com/v3.0/docs/authentication
plaid-token            -      (?:access|public|link)-(?:sandbox|development|production)-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}  https://plaid.com/docs/api/items/
shopify-token          -      shp(?:at|ca|pa|ss|ua|tka|it)_[0-9A-Fa-f]{30,}                https://shopify.dev/changelog/length-of-the-shopify-access-token-is-increasing
shippo-token           -      shippo_(?:live|test)_[0-9a-fA-F]{40}                         https://docs.goshippo.com/docs/guides_general/authentication/
easypost-key           -      EZ[AT]K[A-Za-z0-9]{54}                                       https://docs.easypost.com/docs/authentication
duffel-token           -      duffel_(?:test|live)_[\w=-]{43}                              https://duffel.com/docs/api/overview/making-requests
coinbase-key           -      organizations/[0-9a-f-]{36}/apiKeys/([0-9a-f-]{36})          https://docs.cdp.coinbase.com/coinbase-app/authentication-authorization/api-key-authentication
paddle-key             -      pdl_(?:live_|sdbx_)?apikey_[a-z0-9]{26}_[A-Za-z0-9]{22}_[A-Za-z0-9]{3}  https://developer.paddle.com/api-reference/about/api-keys
monzo-token            -      mnz(?:conf|pub)\.[\w+/=.-]{60,}                              https://docs.monzo.com/
ramp-token             -      ramp_(?:id|sec|tok)_[A-Za-z0-9]{40,}                         https://docs.ramp.com/developer-api/v1/authorization
mercury-token          -      secret-token:mercury_(?:production|sandbox)_[\w.-]{30,}      https://docs.mercury.com/docs/getting-started
pagarme-key            -      ak_(?:live|test)_[A-Za-z0-9]{30}                             https://docs.pagar.me/
buildbetter-key        -      bb_(?:pr|ma)_[0-9a-f]{30}                                    trufflehog:buildbetter
flexport-token         -      shltm_[\w-]{40}                                              https://apidocs.flexport.com/
fleetbase-key          -      flb_(?:live|test)_[0-9A-Za-z]{20}                            https://docs.fleetbase.io/
freemius-key           random sk_[^\s"'‹›]{29}                                             gitleaks:freemius-secret-key
settlemint-token       -      sm_[aps]at_[A-Za-z0-9]{16}                                   https://console.settlemint.com/documentation/
lob-key                -      (?:live|test)_(?:pub_)?[0-9a-f]{31,35}                       https://docs.lob.com/
gocardless-token       random (?:live|sandbox)_[\w=-]{40}                                  https://developer.gocardless.com/api-reference/
mollie-key             random (?:live|test)_[A-Za-z0-9]{30}                                https://docs.mollie.com/reference/authentication
# ---- telephony, social and the rest
twilio-key             -      (?:SK|AC)[0-9a-fA-F]{32}                                     https://www.twilio.com/docs/glossary/what-is-a-sid
telnyx-key             -      KEY[0-9A-F]{16,40}_[A-Za-z0-9]{22}                           https://support.telnyx.com/en/articles/4305158-api-keys-and-how-to-use-them
dropbox-token          random sl\.(?:u\.)?[\w=-]{120,}                                     https://developers.dropbox.com/oauth-guide
dropbox-token          -      [a-z0-9]{11}AAAAAAAAAA[\w=-]{43}                             gitleaks:dropbox-long-lived-api-token
hubspot-token          -      (?:pat|CiRu)-?(?:na|eu|ap)\d-[0-9A-Za-z]{8}-[0-9A-Za-z]{4}-[0-9A-Za-z]{4}-[0-9A-Za-z]{4}-[0-9A-Za-z]{12}  https://developers.hubspot.com/docs/guides/apps/private-apps/overview
zoho-token             -      1000\.[0-9a-f]{32}\.[0-9a-f]{32}                             https://www.zoho.com/crm/developer/docs/api/v8/access-refresh.html
adobe-secret           -      p8[es]-[\w-]{32,}                                            https://developer.adobe.com/developer-console/docs/guides/authentication/
twitter-token          random A{22}[A-Za-z0-9%]{80,100}                                    https://docs.x.com/fundamentals/authentication/oauth-2-0/bearer-tokens
twitter-token          mixed  \d{12,22}\d\d\d-[A-Za-z0-9]{27,40}                         https://docs.x.com/fundamentals/authentication/oauth-1-0a/obtaining-user-access-tokens
linkedin-token         random AQ[UVWX][\w-]{170,}                                          https://learn.microsoft.com/en-us/linkedin/shared/authentication/authorization-code-flow
linkedin-secret        -      WPL_AP\d\.[A-Za-z0-9]{16}\.[A-Za-z0-9+/=]{8}                 https://learn.microsoft.com/en-us/linkedin/shared/authentication/authentication
tiktok-token           -      act\.[A-Za-z0-9!*.]{60,}                                     https://developers.tiktok.com/doc/oauth-user-access-token-management
twitch-token           -      oauth:[a-z0-9]{30}                                           https://dev.twitch.tv/docs/irc/authenticate-bot/
spotify-token          random BQ[A-D][\w-]{120,}                                           https://developer.spotify.com/documentation/web-api/concepts/access-token
pubnub-key             -      (?:pub|sub|sec)-c-[\w+/=-]{36,}                             https://www.pubnub.com/docs/general/setup/account-setup
dependency-track-key   -      odt_[A-Za-z0-9_]{32,255}                                     https://docs.dependencytrack.org/integrations/rest-api/
nightfall-key          -      NF-[A-Za-z0-9]{32}                                           https://help.nightfall.ai/developer-api/key_concepts/authentication
ionic-token            -      ion_[a-z0-9]{42}                                             https://ionic.io/docs/appflow/personal-access-tokens
intra42-secret         -      [us]-s4t2(?:ud|af)-[0-9a-f]{64}                              https://api.intra.42.fr/apidoc
salad-key              -      salad_cloud_[0-9A-Za-z]{1,40}_[0-9A-Za-z]{7,235}             https://docs.salad.com/reference/saladcloud-api
robinhood-key          -      rh-api-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}  trufflehog:robinhoodcrypto
launchdarkly-key       -      (?:api|sdk|mob)-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}  https://launchdarkly.com/docs/home/account/environment/keys
dfuse-key              -      web_[0-9a-z]{32}                                             kingfisher:dfuse
dfuse-key              -      server_[0-9a-f]{32}                                          kingfisher:dfuse
checkly-key            -      c[ui]_[0-9a-f]{32}                                           https://www.checklyhq.com/docs/accounts-and-users/creating-api-key/
tatum-key              -      t-[0-9a-f]{24}-[0-9a-f]{24}                                  https://docs.tatum.io/docs/authentication
alchemy-url            -      alchemy\.com/v2/([\w-]{20,})                                 https://www.alchemy.com/docs/create-an-api-key
infura-url             -      infura\.io/v3/([0-9a-f]{32})                                 https://docs.metamask.io/services/get-started/infura/
quicknode-url          -      quiknode\.pro/([0-9a-f]{40})                                 https://www.quicknode.com/docs/welcome
"""
